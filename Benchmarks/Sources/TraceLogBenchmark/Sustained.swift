// How much the writer sustains of what the in-process tier produces: simple calls, repeated and unique buffers.
import Glibc
import LinuxABI
import TraceLog

/// Each workload writes one log. Run under `taskset -c 1` for what both threads manage on one core.
enum Sustained {
    static let workloads = ["simple", "mixed", "repeat", "cycle", "unique", "random", "pipe"]

    static func run(_ workload: String, amount: Int?) throws {
        let path = "/tmp/lacuna-sustained-\(getpid()).lacuna"
        defer { unlink(path) }
        let writer = try TraceWriter(path: path, header: TraceHeader())
        let source = workload == "random" ? noise(64 << 20) : workload == "simple" ? [] : text(64 << 20)
        let append = cpuSeconds(CLOCK_THREAD_CPUTIME_ID)
        let all = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID)
        let wall = cpuSeconds(CLOCK_MONOTONIC)
        var bytes = 0
        switch workload {
        case "simple": try simple(amount ?? 4_000_000, writer)
        case "mixed": try Speed.write(amount ?? 1_000_000, writer)
        case "repeat": bytes = try transfers(amount ?? 1_000_000, source, chunk: 4096, span: 4096, writer)
        case "cycle": bytes = try transfers(amount ?? 500_000, source, chunk: 4096, span: 24 << 20, writer)
        case "unique", "random":
            bytes = try transfers(
                amount ?? 8 * 1024,
                source,
                chunk: 64 << 10,
                span: source.count,
                writer,
                isFresh: true
            )
        case "pipe": bytes = try pipe(source, 24 << 20, writer)
        default: return print("workloads: \(workloads.joined(separator: " "))")
        }
        let appended = cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - append
        try writer.finish(TraceTrailer())
        let total = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - all
        let elapsed = cpuSeconds(CLOCK_MONOTONIC) - wall
        let calls = Double(writer.callsAppended)
        func ns(_ seconds: Double) -> Int { Int(seconds / calls * 1e9) }
        print(
            "\(workload.padding(8)) \(Int(calls)) calls: append \(ns(appended)) ns, both \(ns(total)) ns of CPU, wall"
                + " \(ns(elapsed)) ns a call; \(Int(calls / elapsed / 1000)) k calls/s, \(Int(Double(bytes) / elapsed / 1e6))"
                + " MB/s in; log \(writer.bytesWritten) bytes, \(Double(writer.bytesWritten) / calls) a call"
        )
    }

    /// getppid in a loop: 200 ns a call, with the jitter of a real machine.
    private static func simple(_ calls: Int, _ writer: TraceWriter) throws {
        var state: UInt64 = 42
        var time: UInt64 = 0
        let arguments = SyscallArguments(3, 0x7FFC_1234_5000, 0, 0x5555_5555, 8, 0x7F00_1234)
        for index in 0..<calls {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let entry = time + 60 + (state >> 33) % 24
            time = entry + 100 + (state >> 40) % 40 + ((state >> 50) % 1000 == 0 ? 20_000 : 0)
            writer.beginCall(index: UInt64(index), task: TaskID(0), number: 110, arguments: arguments)
            try writer.endCall(result: 4711, entryTime: entry, exitTime: time)
        }
    }

    /// pread in a loop over `span` bytes. Fresh content differs from all before, though made of the same words.
    private static func transfers(
        _ calls: Int,
        _ source: [UInt8],
        chunk: Int,
        span: Int,
        _ writer: TraceWriter,
        isFresh: Bool = false
    ) throws -> Int {
        var time: UInt64 = 0
        var offset = 0
        var buffer = [UInt8](repeating: 0, count: chunk)
        for index in 0..<calls {
            let arguments = SyscallArguments(3, 0x7FFC_1234_5000, UInt64(chunk), UInt64(offset))
            writer.beginCall(index: UInt64(index), task: TaskID(0), number: 17, arguments: arguments)
            source.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + chunk)])
                guard isFresh, index * chunk >= span else {
                    return writer.addMemory(.output, address: 0x7FFC_1234_5000, bytes: piece)
                }
                buffer.withUnsafeMutableBytes { room in
                    room.copyMemory(from: piece)
                    // One byte of every 64, so that nothing long repeats.
                    for place in stride(from: 0, to: chunk, by: 64) {
                        room[place] = UInt8(truncatingIfNeeded: index &+ place >> 6)
                    }
                    writer.addMemory(.output, address: 0x7FFC_1234_5000, bytes: UnsafeRawBufferPointer(room))
                }
            }
            try writer.endCall(result: Int64(chunk), entryTime: time + 100, exitTime: time + 400)
            time += 400
            offset = offset + 2 * chunk <= span ? offset + chunk : 0
        }
        return calls * chunk
    }

    /// tar through a pipe: files read in their own lengths, records of 10 KiB written, 64 KiB pieces read.
    private static func pipe(_ source: [UInt8], _ total: Int, _ writer: TraceWriter) throws -> Int {
        var index: UInt64 = 0
        var time: UInt64 = 0
        var bytes = 0
        func call(_ number: UInt32, _ range: Range<Int>, _ direction: MemoryRecord.Direction) throws {
            writer.beginCall(
                index: index,
                task: TaskID(direction == .input ? 0 : 1),
                number: number,
                arguments: SyscallArguments(3, 0x7FFC_1234_5000, UInt64(range.count))
            )
            source.withUnsafeBytes {
                writer.addMemory(
                    direction,
                    address: 0x7FFC_1234_5000,
                    bytes: UnsafeRawBufferPointer(rebasing: $0[range])
                )
            }
            try writer.endCall(result: Int64(range.count), entryTime: time + 500, exitTime: time + 5000)
            index += 1
            time += 6000
            bytes += range.count
        }
        var written = 0
        var read = 0
        var fileEnd = 512
        var position = 512
        while written + 10_240 <= total {
            // The record is filled by reads that begin after each file's header of 512 bytes.
            while position < written + 10_240 {
                if position >= fileEnd {
                    position += 512
                    fileEnd = position + 512 * (1 + (position &* 31 >> 9) % 200)
                }
                let end = min(fileEnd, written + 10_240)
                if end > position { try call(0, position..<end, .output) }
                position = max(end, position)
            }
            try call(1, written..<(written + 10_240), .input)
            written += 10_240
            if written - read >= 65_536 {
                try call(0, read..<(read + 65_536), .output)
                read += 65_536
            }
        }
        return bytes
    }

    private static func noise(_ size: Int) -> [UInt8] {
        var state: UInt64 = 7
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.withUnsafeMutableBytes { room in
            for word in room.bindMemory(to: UInt64.self).indices {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                room.storeBytes(of: state ^ state >> 29, toByteOffset: word * 8, as: UInt64.self)
            }
        }
        return bytes
    }

    /// Words of a vocabulary of 4096, more often the first ones: about as compressible as source text.
    private static func text(_ size: Int) -> [UInt8] {
        var state: UInt64 = 11
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let words = (0..<4096).map { _ in (0..<(2 + random() % 9)).map { _ in UInt8(97 + random() % 26) } + [32] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 16)
        while bytes.count < size { bytes += words[Int(random() % (1 + random() % 4096))] }
        bytes.removeLast(bytes.count - size)
        return bytes
    }
}
