// Objects that can be waited for, and the waits.

/// `DISPATCHER_HEADER`.
public class DispatcherObject: KernelObject {
    /// `SignalState`.
    public internal(set) var isSignaled = false
    /// Waits in order of arrival.
    var waiters: [EThread] = []
    /// A satisfied wait resets it (synchronization events and timers).
    var isAutoReset: Bool { false }
}

/// `KWAIT_BLOCK`.
struct WaitBlock {
    let object: DispatcherObject
    let isAlertable: Bool
    /// Interrupt time at which the wait times out, in 100 ns.
    let deadline: UInt64?
    /// Nil while it waits.
    var result: NTSTATUS?
}

/// `KEVENT`.
public final class KEvent: DispatcherObject {
    public enum EventType: Sendable {
        /// Stays signalled and releases everybody.
        case notification
        /// Releases one waiter and resets.
        case synchronization
    }

    public let eventType: EventType
    override var isAutoReset: Bool { eventType == .synchronization }

    /// `KeInitializeEvent`.
    public init(_ type: EventType, signaled: Bool = false) {
        eventType = type
        super.init(type: .event)
        isSignaled = signaled
    }
}

/// `KTIMER`.
public final class KTimer: DispatcherObject {
    /// Interrupt time of expiry in 100 ns; nil when not set.
    public internal(set) var dueTime: UInt64?
    /// 100 ns; zero: once.
    public internal(set) var period: UInt64 = 0
    /// The DPC that runs at each expiry.
    public var deferredProcedure: (() -> Void)?
    private let synchronization: Bool
    override var isAutoReset: Bool { synchronization }

    /// `KeInitializeTimerEx`.
    public init(synchronization: Bool = false) {
        self.synchronization = synchronization
        super.init(type: .timer)
    }
}
