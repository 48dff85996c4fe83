// Logs for the tests: small, seeded, with every kind of record and the extremes of every field.
import Glibc
import LinuxABI

@testable import TraceLog

/// splitmix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// What a test puts into a log.
struct SampleLog {
    var header = TraceHeader()
    var snapshot = StartSnapshot()
    var trailer = TraceTrailer()
    var calls: [CallRecord] = []
    var tasks: [TaskRecord] = []
    var signals: [SignalRecord] = []
    var paths: [PathRecord] = []

    /// Calls as a few programs make them: few shapes, repeated buffers, several tasks.
    init(calls count: Int, seed: UInt64 = 1) {
        var random = SeededGenerator(seed: seed)
        header.tool = "lacuna test"
        header.uname = ["Linux", "host", "6.1.0", "#1 SMP \"quoted\"", "x86_64", "(none)"]
        header.command = ["sh", "-c", "true \u{1F300}"]
        header.startRealtime = 1_700_000_000_123_456_789
        header.startMonotonic = UInt64.max
        snapshot.uids = [0, 1, 2, UInt32.max]
        snapshot.capabilities = [UInt64.max, 0]
        snapshot.limits = [StartSnapshot.Limit(resource: 3, soft: UInt64.max, hard: 8 << 20)]
        var descriptor = StartSnapshot.Descriptor()
        descriptor.target = "/dev/null"
        descriptor.offset = .min
        snapshot.descriptors = [descriptor]
        snapshot.environment = ["A=b", "PATH=/bin"]
        snapshot.namespaces = ["mnt": "mnt:[4026531841]"]
        trailer.reason = "exited"
        trailer.status = 256
        trailer.notes = ["lost results": 3]
        var clocks: [UInt64] = [5, 5, 5]
        for index in 0..<count {
            let task = Int(random.next() % 3)
            let entry = clocks[task] + random.next() % 5000
            let exit = entry + random.next() % 20_000
            clocks[task] = exit
            calls.append(Self.call(UInt64(index), TaskID(task), entry, exit, &random))
        }
        addRecords()
    }

    private mutating func addRecords() {
        tasks = [
            TaskRecord(
                task: TaskID(0),
                time: 0,
                afterCalls: 0,
                kind: .created(tid: 4711, tgid: 4711, parent: nil, byCall: nil)
            ),
            TaskRecord(
                task: TaskID(0),
                time: 1,
                afterCalls: 1,
                kind: .executed(
                    path: "/bin/sh",
                    arguments: ["sh", "-c", ""],
                    environment: ["A=b"],
                    auxv: [33, .max, 0, 0]
                )
            ),
            TaskRecord(
                task: TaskID(1),
                time: 2,
                afterCalls: 2,
                kind: .created(tid: 4712, tgid: 4711, parent: TaskID(0), byCall: 1)
            ),
            TaskRecord(
                task: TaskID(1),
                time: .max,
                afterCalls: .max,
                kind: .exited(status: -1),
                callsMade: UInt64(calls.filter { $0.task == TaskID(1) }.count)
            ),
            TaskRecord(task: TaskID(0), time: 9, afterCalls: 9, kind: .exited(status: nil), callsMade: nil),
        ]
        signals = [
            SignalRecord(task: TaskID(1), time: 7, afterCalls: 3, signal: 17, code: 1, handler: 0x5555_5555_1234),
            SignalRecord(task: TaskID(0), time: 3, afterCalls: 1, signal: .max, code: .min, handler: .max),
        ]
        var status = FileStatus()
        status.mode = 0o100755
        status.size = .max
        status.modificationTime = .min
        paths = [
            PathRecord(path: "/etc/ld.so.cache", beforeCall: 2, status: status, head: [0x7F, 0x45, 0x4C, 0x46]),
            PathRecord(path: "/nowhere", beforeCall: 3, absent: 2),
            PathRecord(path: "/lib", beforeCall: 1, status: status, linkTarget: "usr/lib"),
        ]
    }

    private static func call(
        _ index: UInt64,
        _ task: TaskID,
        _ entry: UInt64,
        _ exit: UInt64,
        _ random: inout SeededGenerator
    ) -> CallRecord {
        var record = CallRecord(index: index, task: task, number: 0, entryTime: entry, exitTime: exit)
        switch random.next() % 8 {
        case 0, 1:
            let size = Int(random.next() % 64)
            record.arguments = SyscallArguments(3, 0x7FFF_0000_1000, 4096)
            record.result = Int64(size)
            let text = (0..<size).map { UInt8(97 + $0 % 7) }
            record.chunks = [MemoryRecord(.output, address: 0x7FFF_0000_1000, bytes: text)]
        case 2:
            record.number = 257
            record.result = random.next() % 2 == 0 ? -2 : 3
            let path = Array("/usr/lib/x86_64-linux-gnu/lib\(random.next() % 50).so\0".utf8)
            record.arguments = SyscallArguments(UInt64(bitPattern: -100), 0x7FFF_1234_0000 &+ random.next() % 4096)
            record.chunks = [MemoryRecord(.input, address: record.arguments[1], bytes: path)]
        case 3:
            record.number = 262
            var status = [UInt8](repeating: 7, count: 144)
            status[8] = UInt8(random.next() & 255)
            record.arguments = SyscallArguments(3, 0x7FFF_0000_2000, 0x7FFF_0000_3000)
            record.chunks = [
                MemoryRecord(.input, address: 0x7FFF_0000_2000, bytes: [0]),
                MemoryRecord(.output, address: 0x7FFF_0000_3000, bytes: status),
            ]
        case 4:
            record.number = 20
            let parts = Int(random.next() % 12)
            record.chunks = (0..<parts).map { part in
                MemoryRecord(.input, address: 0x1000 * UInt64(part), bytes: Array(repeating: UInt8(part), count: part))
            }
            if parts > 9 { record.chunks[9].length = 1 << 40 }
        case 5:
            record.number = 0xFFFF_FFFF
            record.architecture = .i386
            record.flags = [.unfinished, .opaque]
            record.exitTime = entry
            record.arguments = SyscallArguments(.max, 0, 1 << 63, random.next(), random.next(), random.next())
            record.result = .min
        case 6:
            record.number = 1
            let hash = ContentHash(low: random.next(), high: random.next())
            record.chunks = [
                MemoryRecord(.input, address: .max, bytes: [1, 2, 3], length: .max, hash: hash),
                MemoryRecord(.input, address: 0, bytes: [], length: 1 << 20),
            ]
        default:
            record.number = 9
            record.result = Int64(0x7F00_0000_0000 + random.next() % 4096 * 4096)
            record.arguments = SyscallArguments(0, 4096, 3, 0x22, .max, 0)
        }
        return record
    }

    /// Writes everything, calls in blocks of `perBlock`.
    func write(to path: String, perBlock: Int = .max, level: Int32 = 3, finish: Bool = true) throws {
        var options = TraceWriter.Options()
        options.level = level
        options.timeGranularity = 1
        let writer = try TraceWriter(path: path, header: header, options: options)
        try writer.snapshot(snapshot)
        // A task's end comes after its calls.
        let ends = tasks.firstIndex { if case .exited = $0.kind { true } else { false } } ?? tasks.endIndex
        for record in tasks[..<ends] { try writer.append(record) }
        for record in paths { try writer.append(record) }
        for (position, call) in calls.enumerated() {
            try writer.append(call)
            if (position + 1) % perBlock == 0 { try writer.flush() }
        }
        for record in tasks[ends...] { try writer.append(record) }
        for record in signals { try writer.append(record) }
        if finish { try writer.finish(trailer) } else { try writer.flush() }
    }
}
