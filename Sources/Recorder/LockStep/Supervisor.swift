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

    init?(
        listener: Int32,
        shared: UnsafeMutablePointer<clinux_shared>,
        tracepoints: Tracepoints,
        queue: EventQueue,
        control: RecordingControl,
        table: CallTable,
        payloadLimit: Int?,
        referencePid: Int32?
    ) {
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
                referencePid: referencePid
            )
        else { return nil }
        self.observer = observer
    }

    /// Runs until the last task of the workload is gone, or until it is told to stop.
    mutating func run() {
        guard let notification = clinux_shared_notification(shared) else { return }
        while !control.shouldStop {
            let code = clinux_notification_receive(listener, notification)
            if code == 0 {
                enter(notification.pointee)
                // A call whose thread was killed meanwhile needs no reply.
                _ = clinux_notification_continue(listener, notification.pointee.id)
            } else if code == -ENOENT {
                if clinux_listener_is_over(listener) == 1 { break }
            } else if code != -EINTR {
                break
            }
        }
        observer.finish(control)
        if outputDropped > 0 { control.note("output not captured, too many calls under way", outputDropped) }
    }

    private mutating func enter(_ notification: seccomp_notif) {
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
        guard let slot = slots.slot(of: tid, tracepoints) else {
            control.note("tasks beyond the 4096 that can be recorded at a time", 1)
            return
        }
        if slots.hasExecuted(slot) { observer.sendAuxiliaryVector(tid, time, ringPosition: position) }
        sequence += 1
        let executes = observer.observe(
            ObservedCall(
                tid: tid,
                slot: slot,
                number: number,
                architecture: CallObserver.architecture(notification.data.arch, number),
                arguments: arguments,
                time: time,
                sequence: sequence,
                ringPosition: position
            )
        )
        if executes { slots.executes(slot) }
        let fits = slots.reserve(slot, observer.capture.ringBytes + 1024, tracepoints)
        if !fits { outputDropped += 1 }
        observer.capture.writePlan(tracepoints.plans + slot, sequence: sequence, dropOutput: !fits)
    }
}
