// What is recorded of a call at its entry, whichever way the entry was reported.
import CLinux
import Glibc
import LinuxABI
import TraceLog

/// A call whose thread is stopped at its entry.
struct ObservedCall {
    var tid: Int32
    /// Small number of the thread, below `Tracepoints.slots`.
    var slot: Int
    var number: UInt32
    var architecture: Architecture
    var arguments: SyscallArguments
    var time: UInt64
    var sequence: UInt64
    var ringPosition: UInt64
    /// The ring of the thread's calls that come from inside the process, and how far it was filled; -1: none.
    var agentRing: Int32 = -1
    var agentPosition: UInt64 = 0
}

/// Captures input memory and path metadata, plans the capture of output, and queues the entry.
struct CallObserver: ~Copyable {
    private let table: CallTable
    var capture: EntryCapture
    private var notes: PathNotes

    /// - Parameter seesAllCalls: false: calls that move directories may go unseen.
    init?(
        writer: QueueWriter,
        table: CallTable,
        payloadLimit: Int?,
        referencePid: Int32?,
        seesAllCalls: Bool = true
    ) {
        self.table = table
        guard let capture = EntryCapture(writer: writer, payloadLimit: payloadLimit) else { return nil }
        self.capture = capture
        notes = PathNotes(referencePid: referencePid, seesAllCalls: seesAllCalls)
    }

    deinit { capture.free() }

    func finish(_ control: RecordingControl) {
        if notes.foreignPaths > 0 { control.note("paths of other mount namespaces not noted", notes.foreignPaths) }
        capture.writer.publish()
    }

    /// - Returns: whether the call is an execve.
    mutating func observe(_ call: ObservedCall) -> Bool {
        capture.begin(tid: call.tid)
        notes.directoriesMayHaveMoved(slot: call.slot)
        let entry = table[call.number]
        var executes = false
        if call.architecture != .x86_64 || entry.call == nil {
            capture.mark(.opaque)
        } else {
            if entry.isOpaque { capture.mark(.opaque) }
            capture(entry, call.arguments)
            if entry.firstPath >= 0 || !entry.traits.isEmpty {
                touch(entry, call.arguments, tid: call.tid, slot: call.slot)
            }
            executes = entry.traits.contains(.execution)
        }
        capture.writer.reserve(.entry, MemoryLayout<QueueEntry>.size).storeBytes(
            of: QueueEntry(
                tid: call.tid,
                number: call.number,
                sequence: call.sequence,
                time: call.time,
                ringPosition: call.ringPosition,
                arguments: call.arguments.words,
                callFlags: capture.flags.rawValue,
                architecture: call.architecture.rawValue,
                agentRing: call.agentRing,
                agentPosition: call.agentPosition
            ),
            as: QueueEntry.self
        )
        capture.writer.publish()
        return executes
    }

    /// Reads memory of a stopped thread.
    func read(_ tid: Int32, _ address: UInt64, _ count: Int, into target: UnsafeMutableRawPointer) -> Int {
        EntryCapture.read(tid, address, count, into: target)
    }

    /// Copies output memory of a call that has just returned.
    mutating func sendOutput(
        tid: Int32,
        sequence: UInt64,
        owner: UInt32,
        address: UInt64,
        length: Int,
        keep: Int
    ) {
        let header = MemoryLayout<QueueMemory>.size
        let body = capture.writer.reserve(.output, header + keep)
        let count = keep > 0 ? EntryCapture.read(tid, address, keep, into: body + header) : 0
        body.storeBytes(
            of: QueueMemory(
                tid: tid,
                owner: owner,
                address: address,
                sequence: sequence,
                length: UInt64(length),
                hashLow: 0,
                hashHigh: 0,
                count: UInt32(count),
                isFault: count < keep ? 1 : 0
            ),
            as: QueueMemory.self
        )
    }

    /// Queues an event between calls.
    mutating func send(_ kind: QueueRecord, tid: Int32, a: Int32 = 0, time: UInt64, b: Int64 = 0, c: UInt64 = 0) {
        capture.writer.event(kind, tid: tid, a: a, time: time, b: b, c: c)
        capture.writer.publish()
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
                path,
                tid: tid,
                slot: slot,
                directory: directory(entry.firstDirectory),
                heads: executes,
                writer: &capture.writer
            )
            if executes { notes.noteInterpreter(tid: tid, slot: slot, writer: &capture.writer) }
        }
        if entry.secondPath >= 0, let path = capture.string(at: arguments[Int(entry.secondPath)]) {
            notes.note(
                path,
                tid: tid,
                slot: slot,
                directory: directory(entry.secondDirectory),
                heads: false,
                writer: &capture.writer
            )
        }
        if entry.traits.contains(.socketAddress) {
            noteSocket(arguments[1], Int(min(arguments[2], 110)), tid: tid, slot: slot)
        }
        if entry.traits.contains(.movesDirectories) {
            notes.directoriesMayMove(slot: slot, changesRoot: entry.traits.contains(.changesRoot))
        }
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
                UnsafeRawBufferPointer(start: base + 2, count: count),
                tid: tid,
                slot: slot,
                directory: AT_FDCWD,
                heads: false,
                writer: &capture.writer
            )
        }
    }

    /// The first call after an execve: the new image's auxiliary vector and file.
    mutating func sendAuxiliaryVector(_ tid: Int32, _ time: UInt64, ringPosition: UInt64) {
        let words = readFile("/proc/\(tid)/auxv", limit: 4096) ?? []
        let file = Array((linkTarget("/proc/\(tid)/exe") ?? "").utf8)
        let header = MemoryLayout<QueueEvent>.size
        let body = capture.writer.reserve(.auxiliaryVector, header + words.count + file.count)
        body.storeBytes(
            of: QueueEvent(tid: tid, a: Int32(words.count), time: time, b: Int64(file.count), c: ringPosition),
            as: QueueEvent.self
        )
        words.withUnsafeBytes {
            if let base = $0.baseAddress { (body + header).copyMemory(from: base, byteCount: $0.count) }
        }
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
