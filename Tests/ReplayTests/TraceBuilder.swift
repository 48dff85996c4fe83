// Traces written in code: one line per call, times and indices filled in.
import LinuxABI
import TraceLog

@testable import Replay

/// Builds a trace call by call. Calls do not overlap unless their times are set.
struct TraceBuilder {
    var trace = Trace()
    private var time: UInt64 = 1000
    private var children: UInt32 = 0

    init(descriptors: [Int32: String] = [0: "/dev/pts/1", 1: "/dev/pts/1", 2: "/dev/pts/1"]) {
        var snapshot = StartSnapshot()
        snapshot.pid = 100
        snapshot.workingDirectory = "/home"
        snapshot.uids = [0, 0, 0, 0]
        snapshot.gids = [0, 0, 0, 0]
        snapshot.descriptors = descriptors.sorted { $0.key < $1.key }.map { fd, target in
            var descriptor = StartSnapshot.Descriptor()
            descriptor.fd = fd
            descriptor.target = target
            descriptor.isTerminal = target.hasPrefix("/dev/pts")
            return descriptor
        }
        trace.snapshot = snapshot
        trace.tasks = [
            TaskRecord(
                task: TaskID(0),
                time: 0,
                afterCalls: 0,
                kind: .created(tid: 100, tgid: 100, parent: nil, byCall: nil)
            )
        ]
    }

    /// Adds a call; returns its index.
    @discardableResult
    mutating func call(
        _ name: String,
        _ arguments: UInt64...,
        task: Int = 0,
        in input: [(UInt64, [UInt8])] = [],
        out output: [(UInt64, [UInt8])] = [],
        result: Int64,
        entry: UInt64? = nil,
        exit: UInt64? = nil,
        flags: CallFlags = []
    ) -> UInt64 {
        let words = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        let index = UInt64(trace.calls.count)
        let start = entry ?? time
        let end = exit ?? start + 5
        time = max(time, start, exit == nil ? end : start) + 10
        trace.calls.append(
            CallRecord(
                index: index,
                task: TaskID(task),
                number: Self.number(name),
                arguments: SyscallArguments(words[0], words[1], words[2], words[3], words[4], words[5]),
                result: result,
                entryTime: start,
                exitTime: end,
                flags: flags,
                chunks: input.map { MemoryRecord(.input, address: $0.0, bytes: $0.1) }
                    + output.map { MemoryRecord(.output, address: $0.0, bytes: $0.1) }
            )
        )
        return index
    }

    /// `openat(AT_FDCWD, path, flags, 0644)`.
    @discardableResult
    mutating func open(_ path: String, _ flags: String..., task: Int = 0, result: Int64) -> UInt64 {
        call(
            "openat",
            Self.cwd,
            0x1000,
            flags.reduce(0) { $0 | ABI.constant($1) },
            0o644,
            task: task,
            in: [(0x1000, Self.text(path))],
            result: result
        )
    }

    @discardableResult
    mutating func read(_ fd: UInt64, _ bytes: String, task: Int = 0, count: UInt64 = 100) -> UInt64 {
        let data = Array(bytes.utf8)
        return call(
            "read",
            fd,
            0x2000,
            count,
            task: task,
            out: data.isEmpty ? [] : [(UInt64(0x2000), data)],
            result: Int64(data.count)
        )
    }

    @discardableResult
    mutating func write(_ fd: UInt64, _ bytes: String, task: Int = 0) -> UInt64 {
        let data = Array(bytes.utf8)
        return call(
            "write",
            fd,
            0x3000,
            UInt64(data.count),
            task: task,
            in: [(0x3000, data)],
            result: Int64(data.count)
        )
    }

    /// `fork()`; the child is the next task.
    mutating func fork(task: Int = 0, pid: Int64) -> (call: UInt64, child: Int) {
        let index = call("fork", task: task, result: pid)
        children += 1
        trace.tasks.append(
            TaskRecord(
                task: TaskID(rawValue: children),
                time: trace.calls[Int(index)].entryTime + 1,
                afterCalls: index + 1,
                kind: .created(tid: Int32(pid), tgid: Int32(pid), parent: TaskID(task), byCall: index)
            )
        )
        return (index, Int(children))
    }

    /// `exit_group(status)` and the end of the task.
    mutating func exit(task: Int = 0, status: UInt64 = 0) {
        call("exit_group", status, task: task, result: 0, flags: .unfinished)
        trace.tasks.append(
            TaskRecord(
                task: TaskID(task),
                time: time - 8,
                afterCalls: UInt64(trace.calls.count),
                kind: .exited(status: Int32(status << 8))
            )
        )
    }

    mutating func signal(_ number: Int32, task: Int = 0, code: Int32 = 0, time at: UInt64? = nil) {
        trace.signals.append(
            SignalRecord(
                task: TaskID(task),
                time: at ?? time,
                afterCalls: UInt64(trace.calls.count),
                signal: number,
                code: code,
                handler: 0x4000
            )
        )
    }

    mutating func path(_ path: String, before call: UInt64 = 0, absent: Bool = false, mode: UInt32 = 0o100644) {
        var status = FileStatus()
        status.mode = mode
        status.inode = 77
        status.device = 3
        status.links = 1
        trace.paths.append(
            PathRecord(path: path, beforeCall: call, absent: absent ? 2 : nil, status: status)
        )
    }

    static let cwd = UInt64(bitPattern: -100)

    static func text(_ string: String) -> [UInt8] { Array(string.utf8) + [0] }

    static func word(_ value: Int32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: UInt32(bitPattern: value) >> UInt32($0 * 8)) }
    }

    static func number(_ name: String) -> UInt32 {
        guard let number = ABI.call(named: name)?.numbers.x86_64 else { preconditionFailure("no call '\(name)'") }
        return UInt32(number)
    }
}
