// Engines that are not single-threaded models: real tasks at their own speed, perhaps when no replayer is there.

/// An engine in which other tasks go on while the replayer looks at one: what comes early would be read early. It is asked
/// for no more bytes of a stream than the recording got at once.
public protocol SelfPacedEngine: Engine {}

/// An engine whose calls are made when no replayer is there: compiled before, and compared after.
///
/// Fulfilled by engines that compile a replay, or answer from the results of a compiled one; see docs/engines.md.
public protocol UnattendedEngine: SelfPacedEngine {
    /// Told after each call whose recorded effects would be missing, or surplus, after another answer.
    ///
    /// - Parameters:
    ///   - call: its index.
    ///   - ifFailed: the repair is for an error where the recording has none; else for success instead of the recorded error.
    ///   - repair: makes the grafts on this engine. Where they name what the call returned, it is ``RepairPlan/answer``.
    func plan(after call: UInt64, ifFailed: Bool, _ repair: () -> Void)
}

public enum RepairPlan {
    /// Stands for the result of the call that is repaired.
    public static let answer: Int64 = 0x7a5a_5a5a
}
