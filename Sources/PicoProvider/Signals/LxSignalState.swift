// Signal dispositions, masks and pending signals.
import LinuxABI

/// A set of signals, bit 0 is signal 1.
struct LxSignalSet: Hashable, Sendable {
    var bits: UInt64 = 0

    static let unblockable = LxSignalSet(bits: bit(9) | bit(19))

    static func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

    func contains(_ signal: Int32) -> Bool { bits & Self.bit(signal) != 0 }
    mutating func insert(_ signal: Int32) { bits |= Self.bit(signal) }
    mutating func remove(_ signal: Int32) { bits &= ~Self.bit(signal) }
}

struct LxSignalAction: Hashable, Sendable {
    var handler: UInt64 = 0
    var flags: UInt64 = 0
    var restorer: UInt64 = 0
    var mask = LxSignalSet()

    /// SIG_DFL and SIG_IGN.
    var isDefault: Bool { handler == 0 }
    var isIgnored: Bool { handler == 1 }
}

/// Dispositions; shared by CLONE_SIGHAND.
final class LxSignalHandlers {
    private var actions = [LxSignalAction](repeating: LxSignalAction(), count: 65)

    init() {}

    subscript(signal: Int32) -> LxSignalAction {
        get { actions[Int(signal)] }
        set { actions[Int(signal)] = newValue }
    }

    func copy() -> LxSignalHandlers {
        let handlers = LxSignalHandlers()
        handlers.actions = actions
        return handlers
    }

    /// execve: handlers go back to the default, ignored signals stay ignored.
    func resetForExec() {
        for index in actions.indices {
            actions[index] =
                actions[index].isIgnored ? LxSignalAction(handler: 1) : LxSignalAction()
        }
    }
}

/// What siginfo carries.
struct LxSignalInfo: Sendable {
    var signal: Int32
    var code: Int32 = 0
    /// Sender, as the receiver's pid namespace sees it.
    var pid: Int32 = 0
    var uid: UInt32 = 0
    /// si_status, si_overrun or si_value.
    var value: Int64 = 0
}

/// Standard signals are pending once; real-time signals queue.
struct LxPendingSignals {
    private(set) var queue: [LxSignalInfo] = []
    private(set) var set = LxSignalSet()

    mutating func post(_ info: LxSignalInfo) {
        if info.signal < 32, set.contains(info.signal) { return }
        set.insert(info.signal)
        queue.append(info)
    }

    /// The next signal of `wanted`, lowest number first.
    mutating func take(_ wanted: LxSignalSet) -> LxSignalInfo? {
        let candidates = set.bits & wanted.bits
        guard candidates != 0 else { return nil }
        let signal = Int32(candidates.trailingZeroBitCount) + 1
        guard let index = queue.firstIndex(where: { $0.signal == signal }) else { return nil }
        let info = queue.remove(at: index)
        if !queue.contains(where: { $0.signal == signal }) { set.remove(signal) }
        return info
    }

    mutating func discard(_ unwanted: LxSignalSet) {
        guard set.bits & unwanted.bits != 0 else { return }
        queue.removeAll { unwanted.contains($0.signal) }
        set.bits &= ~unwanted.bits
    }
}

/// What threads of a process have in common.
final class LxSharedSignals {
    var pending = LxPendingSignals()
}

/// A thread's own part.
struct LxThreadSignals {
    /// What a handler interrupted: restored by rt_sigreturn.
    struct Frame {
        var mask: LxSignalSet
        /// What rt_sigreturn will leave in the result register.
        var result: Int64
    }

    var mask = LxSignalSet()
    /// Not delivered for the present: the schedule's, not the program's.
    var held = LxSignalSet()
    /// Signals that were held until now: they come with the next call, not before it.
    var released = LxSignalSet()
    /// sigsuspend, ppoll, …: the mask to restore after delivery.
    var savedMask: LxSignalSet?
    var pending = LxPendingSignals()
    var frames: [Frame] = []
    var alternateStack: (address: UInt64, size: UInt64, flags: Int32) = (0, 0, 2)
    /// The user-mode result register as of the last return, and the call that left it.
    var lastResult: Int64 = 0
    var lastNumber = 0
}
