// The lock-step loop: receive a notification, capture, plan the return, let the call go on.
import CLinux
import Glibc
import LinuxABI
import TraceLog

/// The thread that answers notifications. Everything it needs is set up before it starts; in the loop it neither
/// allocates nor locks.
///
/// Nothing is lost because a thread cannot enter its next call before its reply, and no reply is sent unless the
/// kernel's ring has room for what that call may report.
struct Supervisor: ~Copyable {
    private let listener: Int32
    private let shared: UnsafeMutablePointer<clinux_shared>
    private let tracepoints: Tracepoints
    private var observer: CallObserver
    private var slots = ThreadSlots()
    private let control: RecordingControl
    private var sequence: UInt64 = 0
    private var outputDropped: UInt64 = 0
    /// nil: every call goes this way.
    private let fast: FastTier?
    private var stopTime: UInt64 = 0

    init?(
        listener: Int32,
        shared: UnsafeMutablePointer<clinux_shared>,
        tracepoints: Tracepoints,
        queue: EventQueue,
        control: RecordingControl,
        table: CallTable,
        payloadLimit: Int?,
        referencePid: Int32?,
        fast: FastTier?
    ) {
        self.fast = fast
        self.listener = listener
        self.shared = shared
        self.tracepoints = tracepoints
        self.control = control
        let writer = QueueWriter(queue, isClosed: control.queueClosed)
        guard
            let observer = CallObserver(
                writer: writer,
                table: table,
                payloadLimit: payloadLimit,
                referencePid: referencePid,
                seesAllCalls: fast == nil
            )
        else { return nil }
        self.observer = observer
    }

    /// Runs until the last task of the workload is gone, or until it is told to stop.
    mutating func run() {
        guard let notification = clinux_shared_notification(shared) else { return }
        while !control.shouldStop || mustGoOn {
            let code = clinux_notification_receive(listener, notification)
            if code == 0 {
                // A call whose thread was killed meanwhile needs no reply.
                switch enter(notification.pointee) {
                case .goOn: _ = clinux_notification_continue(listener, notification.pointee.id)
                case .skip: _ = clinux_notification_answer(listener, notification.pointee.id, 0)
                case .none: break
                }
            } else if code == -ENOENT {
                if clinux_listener_is_over(listener) == 1 { break }
            } else if code != -EINTR {
                break
            }
        }
        observer.finish(control)
        if let fast { control.count(fast.ways) }
        if outputDropped > 0 { control.note("output not captured, too many calls under way", outputDropped) }
    }

    /// A program whose code is replaced by the bootstrap cannot be left: its next call, a moment later, ends that.
    private var mustGoOn: Bool {
        mutating get {
            guard let fast, fast.isInjecting else { return false }
            let now = clinux_monotonic()
            if stopTime == 0 { stopTime = now }
            return now - stopTime < 2_000_000_000
        }
    }

    private enum Reply {
        case goOn
        case skip
        case none
    }

    private mutating func enter(_ notification: seccomp_notif) -> Reply {
        let time = clinux_monotonic()
        let position = tracepoints.ring.producerPosition
        let tid = Int32(bitPattern: notification.pid)
        let number = UInt32(bitPattern: notification.data.nr)
        let arguments = SyscallArguments(
            notification.data.args.0,
            notification.data.args.1,
            notification.data.args.2,
            notification.data.args.3,
            notification.data.args.4,
            notification.data.args.5
        )
        let fast = self.fast
        let known = slots.slot(of: tid, tracepoints) { fast?.begin($0, tid: tid, parent: $1) }
        guard let slot = known else {
            control.note("tasks beyond the 4096 that can be recorded at a time", 1)
            return .goOn
        }
        tracepoints.returns.use(slot)
        let architecture = CallObserver.architecture(notification.data.arch, number)
        var (ring, agentPosition): (Int32, UInt64) = (-1, 0)
        if let fast {
            let call = NotifiedCall(
                id: notification.id,
                tid: tid,
                slot: slot,
                number: number,
                architecture: architecture,
                address: notification.data.instruction_pointer,
                arguments: arguments
            )
            switch fast.arrive(call, &observer.capture.writer) {
            case .record(let index, let position): (ring, agentPosition) = (index, position)
            case .answered: return .none
            case .pass:
                expectPrivateReturn(slot, tid)
                return .goOn
            case .skip:
                expectPrivateReturn(slot, tid)
                return .skip
            }
        }
        if slots.hasExecuted(slot) { observer.sendAuxiliaryVector(tid, time, ringPosition: position) }
        sequence += 1
        let executes = observer.observe(
            ObservedCall(
                tid: tid,
                slot: slot,
                number: number,
                architecture: architecture,
                arguments: arguments,
                time: time,
                sequence: sequence,
                ringPosition: position,
                agentRing: ring,
                agentPosition: agentPosition
            )
        )
        if executes { slots.executes(slot) }
        let fits = slots.reserve(slot, observer.capture.ringBytes + 1024, tracepoints)
        if !fits { outputDropped += 1 }
        let plan = tracepoints.plans + slot
        plan.pointee.reserved.0 = UInt64(tid)
        observer.capture.writePlan(plan, sequence: sequence, dropOutput: !fits)
        expectReturn()
        return .goOn
    }

    /// The call that returns next is not the program's.
    private func expectPrivateReturn(_ slot: Int, _ tid: Int32) {
        let plan = tracepoints.plans + slot
        plan.pointee.sequence = UInt64(CLINUX_PLAN_PRIVATE)
        plan.pointee.count = 0
        plan.pointee.reserved.0 = UInt64(tid)
        clinux_store_release32(&plan.pointee.armed, 1)
        expectReturn()
    }

    private func expectReturn() {
        if !tracepoints.returns.need() {
            control.note("returns not seen: the kernel refused the tracepoint", 1)
        }
    }
}
