// Results of calls that a signal cut short: what the program sees of them is one of few classes.

/// How an interrupted call goes on, by its raw result.
enum InterruptedClass: Hashable {
    /// -EINTR now, or after the handler decided (ERESTARTSYS, ERESTARTNOHAND, ERESTART_RESTARTBLOCK): which of
    /// them the program sees depends on its handler, not on the kernel that answered.
    case interrupted
    /// Always made again (ERESTARTNOINTR).
    case restarted

    init?(_ result: Int64) {
        switch result {
        case -4, -512, -514, -516: self = .interrupted
        case -513: self = .restarted
        default: return nil
        }
    }
}
