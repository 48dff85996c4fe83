// Calls per second through the writer and the streaming reader.
import Glibc
import LinuxABI
import TraceLog

enum Speed {
    static func run(calls: Int) throws {
        let path = "/tmp/lacuna-speed-\(getpid()).lacuna"
        defer { unlink(path) }
        let append = cpuSeconds(CLOCK_THREAD_CPUTIME_ID)
        let all = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID)
        let wall = cpuSeconds(CLOCK_MONOTONIC)
        let writer = try TraceWriter(path: path, header: TraceHeader())
        try write(calls, writer)
        let appended = cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - append
        try writer.finish(TraceTrailer())
        let total = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - all
        let elapsed = cpuSeconds(CLOCK_MONOTONIC) - wall
        line("append (capture thread)", calls, appended)
        line("write (both threads' CPU)", calls, total)
        line("write (wall)", calls, elapsed)
        print("bytes per call            \(Double(writer.bytesWritten) / Double(calls))")
        try read(path)
    }

    static func read(_ path: String) throws {
        var best = Double.infinity
        var calls = 0
        for _ in 0..<3 {
            let start = cpuSeconds(CLOCK_THREAD_CPUTIME_ID)
            let reader = try TraceReader(path: path)
            var sum: UInt64 = 0
            calls = 0
            while let block = try reader.nextBlock() {
                guard case .events(let batch) = block else { continue }
                calls += batch.count
                for position in 0..<batch.count { sum &+= batch.exitTimes[position] &+ batch.argument(1, of: position) }
            }
            guard sum != 1 else { return }
            best = min(best, cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - start)
        }
        line("read (streaming, 1 core)", calls, best)
        let start = cpuSeconds(CLOCK_THREAD_CPUTIME_ID)
        let trace = try Trace.load(path: path)
        line("load (records in memory)", trace.calls.count, cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - start)
    }

    private static func line(_ what: String, _ calls: Int, _ seconds: Double) {
        let name = what.padding(26)
        print(
            "\(name)\(Int(Double(calls) / seconds / 1000)) k calls/s, \(Int(seconds / Double(calls) * 1e9)) ns per call"
        )
    }

    /// A mix as of a compile: reads of 1 to 4 KiB, stat, openat of a few hundred paths, mmap.
    static func write(_ calls: Int, _ writer: TraceWriter) throws {
        var state: UInt64 = 42
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let file = (0..<(1 << 20)).map { _ in UInt8(truncatingIfNeeded: random() % 26 + 97) }
        let paths = (0..<400).map { Array("/usr/lib/x86_64-linux-gnu/include/header-\($0 * 7919).h\0".utf8) }
        var status = [UInt8](repeating: 0, count: 144)
        var time: UInt64 = 0
        for index in 0..<calls {
            let task = TaskID(Int(random() % 3))
            let entry = time + 500 + random() % 2000
            time = entry + 300 + random() % 4000
            let kind = random() % 8
            let path = paths[Int(random() % 400)]
            let pointer = 0x7FFC_1234_5000 + random() % 64 * 16
            var arguments = SyscallArguments(3 + random() % 4, pointer, 4096)
            var result = Int64(random() % 2) * 3
            switch kind {
            case 0, 1:
                let start = Int(random() % 4096) * 16
                writer.beginCall(index: UInt64(index), task: task, number: 0, arguments: arguments)
                file.withUnsafeBytes { bytes in
                    writer.addMemory(
                        .output,
                        address: pointer,
                        bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + 256)])
                    )
                }
                result = 256
            case 2, 3:
                arguments = SyscallArguments(UInt64(bitPattern: -100), pointer, 0)
                writer.beginCall(index: UInt64(index), task: task, number: 257, arguments: arguments)
                path.withUnsafeBytes { writer.addMemory(.input, address: pointer, bytes: $0) }
            case 4, 5:
                status[8] = UInt8(truncatingIfNeeded: random())
                status[48] = UInt8(truncatingIfNeeded: random())
                writer.beginCall(index: UInt64(index), task: task, number: 262, arguments: arguments)
                path.withUnsafeBytes { writer.addMemory(.input, address: pointer, bytes: $0) }
                status.withUnsafeBytes { writer.addMemory(.output, address: pointer + 256, bytes: $0) }
            default: writer.beginCall(index: UInt64(index), task: task, number: 3, arguments: SyscallArguments(3))
            }
            try writer.endCall(result: result, entryTime: entry, exitTime: time)
        }
    }
}

extension String {
    func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
