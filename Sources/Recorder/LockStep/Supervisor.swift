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
    private let table: CallTable
    private var capture: EntryCapture
    private var notes: PathNotes
    private var slots = ThreadSlots()
    private let control: RecordingControl
    private var sequence: UInt64 = 0
    private var outputDropped: UInt64 = 0

    init?(
        listener: Int32, shared: UnsafeMutablePointer<clinux_shared>, tracepoints: Tracepoints, queue: EventQueue,
        control: RecordingControl, payloadLimit: Int?, referencePid: Int32?
    ) {
        self.listener = listener
        self.shared = shared
        self.tracepoints = tracepoints
        self.control = control
        table = CallTable()
        let writer = QueueWriter(queue, isClosed: control.queueClosed)
        guard let capture = EntryCapture(writer: writer, payloadLimit: payloadLimit) else { return nil }
        self.capture = capture
        notes = PathNotes(referencePid: referencePid)
    }

    deinit { capture.free() }

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
        if notes.foreignPaths > 0 { control.note("paths of other mount namespaces not noted", notes.foreignPaths) }
        if outputDropped > 0 { control.note("output not captured, too many calls under way", outputDropped) }
        capture.writer.publish()
    }

    private mutating func enter(_ notification: seccomp_notif) {
        let time = clinux_monotonic()
        let position = tracepoints.ring.producerPosition
        let tid = Int32(bitPattern: notification.pid)
        let number = UInt32(bitPattern: notification.data.nr)
        let arguments = SyscallArguments(
            notification.data.args.0, notification.data.args.1, notification.data.args.2, notification.data.args.3,
            notification.data.args.4, notification.data.args.5)
        guard let slot = slots.slot(of: tid, tracepoints) else {
            control.note("tasks beyond the 4096 that can be recorded at a time", 1)
            return
        }
        let architecture = Supervisor.architecture(notification.data.arch, number)
        capture.begin(tid: tid)
        notes.directoriesMayHaveMoved(slot: slot)
        if slots.hasExecuted(slot) { sendAuxiliaryVector(tid, time) }
        let entry = table[number]
        if architecture != .x86_64 || entry.call == nil {
            capture.mark(.opaque)
        } else {
            if entry.isOpaque { capture.mark(.opaque) }
            capture(entry, arguments)
            if entry.firstPath >= 0 || !entry.traits.isEmpty {
                touch(entry, arguments, tid: tid, slot: slot)
            }
        }
        sequence += 1
        capture.writer.reserve(.entry, MemoryLayout<QueueEntry>.size).storeBytes(
            of: QueueEntry(
                tid: tid, number: number, sequence: sequence, time: time, ringPosition: position,
                arguments: arguments.words, callFlags: capture.flags.rawValue, architecture: architecture.rawValue),
            as: QueueEntry.self)
        capture.writer.publish()
        let needed = capture.ringBytes + 1024
        let fits = slots.reserve(slot, needed, tracepoints)
        if !fits { outputDropped += 1 }
        capture.writePlan(tracepoints.plans + slot, sequence: sequence, dropOutput: !fits)
    }

    private mutating func capture(_ entry: CallTable.Entry, _ arguments: SyscallArguments) {
        if entry.hasVariants {
            entry.call?.variant(for: arguments).capture.run(arguments, on: &capture)
        } else {
            entry.program?.run(arguments, on: &capture)
        }
        if capture.planOverflow { capture.mark(.outputFault) }
    }

    /// Paths and directories of the call.
    private mutating func touch(_ entry: CallTable.Entry, _ arguments: SyscallArguments, tid: Int32, slot: Int) {
        let executes = entry.traits.contains(.execution)
        func directory(_ index: Int8) -> Int32 {
            index < 0 ? AT_FDCWD : Int32(truncatingIfNeeded: arguments[Int(index)])
        }
        if entry.firstPath >= 0, let path = capture.string(at: arguments[Int(entry.firstPath)]) {
            notes.note(
                path, tid: tid, slot: slot, directory: directory(entry.firstDirectory), heads: executes,
                writer: &capture.writer)
            if executes { notes.noteInterpreter(tid: tid, slot: slot, writer: &capture.writer) }
        }
        if entry.secondPath >= 0, let path = capture.string(at: arguments[Int(entry.secondPath)]) {
            notes.note(
                path, tid: tid, slot: slot, directory: directory(entry.secondDirectory), heads: false,
                writer: &capture.writer)
        }
        if entry.traits.contains(.socketAddress) {
            noteSocket(arguments[1], Int(min(arguments[2], 110)), tid: tid, slot: slot)
        }
        if entry.traits.contains(.movesDirectories) {
            notes.directoriesMayMove(slot: slot, changesRoot: entry.traits.contains(.changesRoot))
        }
        if executes { slots.executes(slot) }
    }

    /// The path of a unix socket address.
    private mutating func noteSocket(_ address: UInt64, _ length: Int, tid: Int32, slot: Int) {
        guard length > 2 else { return }
        withUnsafeTemporaryAllocation(byteCount: 112, alignment: 8) { buffer in
            guard let base = buffer.baseAddress, capture.read(address, length, into: base) == length,
                base.loadUnaligned(as: UInt16.self) == 1
            else { return }
            let count = strnlen((base + 2).assumingMemoryBound(to: CChar.self), length - 2)
            notes.note(
                UnsafeRawBufferPointer(start: base + 2, count: count), tid: tid, slot: slot, directory: AT_FDCWD,
                heads: false, writer: &capture.writer)
        }
    }

    /// The first call after an execve: the new image's auxiliary vector and file.
    private mutating func sendAuxiliaryVector(_ tid: Int32, _ time: UInt64) {
        let words = readFile("/proc/\(tid)/auxv", limit: 4096) ?? []
        let file = Array((linkTarget("/proc/\(tid)/exe") ?? "").utf8)
        let header = MemoryLayout<QueueEvent>.size
        let body = capture.writer.reserve(.auxiliaryVector, header + words.count + file.count)
        body.storeBytes(
            of: QueueEvent(tid: tid, a: Int32(words.count), time: time, b: Int64(file.count), c: 0), as: QueueEvent.self)
        words.withUnsafeBytes { if let base = $0.baseAddress { (body + header).copyMemory(from: base, byteCount: $0.count) } }
        file.withUnsafeBytes {
            if let base = $0.baseAddress { (body + header + words.count).copyMemory(from: base, byteCount: $0.count) }
        }
    }

    /// AUDIT_ARCH_… of <linux/audit.h>.
    static func architecture(_ audit: UInt32, _ number: UInt32) -> Architecture {
        switch audit {
        case 0xc000_003e: number & 0x4000_0000 != 0 && number != UInt32.max ? .x32 : .x86_64
        case 0xc000_00b7: .arm64
        default: .i386
        }
    }
}
