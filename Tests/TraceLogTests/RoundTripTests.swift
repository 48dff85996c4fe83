// What goes in comes out.
import Glibc
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct RoundTripTests {
    private let sandbox = Sandbox()
    private var path: String { sandbox.file("a") }

    private func expect(_ trace: Trace, equals sample: SampleLog) {
        #expect(trace.recovery.isComplete)
        #expect(trace.header == sample.header)
        #expect(trace.snapshot == sample.snapshot)
        #expect(trace.calls == sample.calls)
        #expect(trace.tasks == sample.tasks)
        #expect(trace.signals == sample.signals)
        #expect(trace.paths == sample.paths)
        var trailer = sample.trailer
        trailer.calls = UInt64(sample.calls.count)
        #expect(trace.trailer == trailer)
    }

    @Test(arguments: [0, 1, 2, 7, 1000, 5000])
    func everyRecordComesBackAsItWas(count: Int) throws {
        let sample = SampleLog(calls: count)
        try sample.write(to: path, perBlock: 900)
        try expect(Trace.load(path: path), equals: sample)
    }

    @Test func callsComeBackByIndexHoweverTheyCompleted() throws {
        var sample = SampleLog(calls: 100)
        sample.calls.swapAt(3, 40)
        sample.calls.swapAt(70, 99)
        try sample.write(to: path, perBlock: 30)
        sample.calls.sort { $0.index < $1.index }
        try expect(Trace.load(path: path), equals: sample)
    }

    @Test func recompressingKeepsEveryRecord() throws {
        let sample = SampleLog(calls: 3000)
        try sample.write(to: path, perBlock: 100)
        let before = contents(of: path).count
        #expect(try TraceRewriter.recompress(path, to: path, level: 19).isComplete)
        try expect(Trace.load(path: path), equals: sample)
        #expect(contents(of: path).count < before)
        #expect(access(path + ".partial", F_OK) != 0)
    }

    @Test func recompressingACutLogKeepsItsPrefixAndStaysCut() throws {
        let sample = SampleLog(calls: 100)
        try sample.write(to: path, perBlock: 10, finish: false)
        let error = try TraceRewriter.recompress(path, to: sandbox.file("b")).error
        #expect(error?.code == .cut)
        let trace = try Trace.load(path: sandbox.file("b"))
        #expect(trace.calls == sample.calls)
        #expect(trace.trailer == nil)
    }

    @Test func buffersLargerThanABlockComeBack() throws {
        // Over 64 MiB: 32 KiB of noise over and over, each time with its own start.
        var random = SeededGenerator(seed: 9)
        var large: [UInt8] = []
        let noise = (0..<(1 << 15)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for round in 0..<2050 {
            large += [UInt8(truncatingIfNeeded: round), UInt8(truncatingIfNeeded: round >> 8)]
            large += noise
        }
        #expect(large.count > TraceFormat.maximumRawSize)
        let call = CallRecord(
            index: 0,
            task: TaskID(0),
            number: 1,
            chunks: [
                MemoryRecord(.input, address: 1 << 40, bytes: large), MemoryRecord(.input, address: 8, bytes: [1]),
                MemoryRecord(.output, address: 1 << 41, bytes: large),
            ]
        )
        let writer = try TraceWriter(path: path, header: TraceHeader())
        try writer.append(call)
        try writer.finish(TraceTrailer())
        let trace = try Trace.load(path: path)
        #expect(trace.recovery.isComplete)
        #expect(trace.calls == [call])
        let verification = try TraceVerification.verify(path: path)
        #expect(verification.isSound, "\(verification.problems)")
    }

    @Test func manySmallBuffersLargerThanABlockTogetherComeBack() throws {
        let sample = SampleLog(calls: 700)
        var options = TraceWriter.Options()
        options.pieceSize = 40
        options.timeGranularity = 1
        let writer = try TraceWriter(path: path, header: sample.header, options: options)
        for call in sample.calls { try writer.append(call) }
        try writer.finish(sample.trailer)
        let trace = try Trace.load(path: path)
        #expect(trace.calls == sample.calls)
        #expect(trace.recovery.isComplete)
        #expect(trace.recovery.blocks > 50)
        let verification = try TraceVerification.verify(path: path)
        #expect(verification.isSound, "\(verification.problems)")
    }

    @Test func equalContentsAreStoredOnce() throws {
        var random = SeededGenerator(seed: 2)
        let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let writer = try TraceWriter(path: path, header: TraceHeader())
        for index in 0..<50 {
            let chunk = MemoryRecord(.output, address: UInt64(index), bytes: noise)
            try writer.append(CallRecord(index: UInt64(index), task: TaskID(0), number: 0, chunks: [chunk]))
            if index % 7 == 0 { try writer.flush() }
        }
        try writer.finish(TraceTrailer())
        #expect(writer.bytesWritten < 150_000)
        let statistics = try TraceStatistics.gather(path: path)
        #expect(statistics.uniquePayloads == 1)
        #expect(statistics.uniquePayloadBytes == 100_000)
        #expect(statistics.payloadBytes == 5_000_000)
        #expect(statistics.chunks == 50)
    }

    @Test func whatIsWrittenInRecordsAndReadInOtherPiecesCostsLittleTheSecondTime() throws {
        var random = SeededGenerator(seed: 8)
        let noise = (0..<(1 << 20)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let writer = try TraceWriter(path: path, header: TraceHeader())
        var written = 0
        var read = 0
        var calls: [CallRecord] = []
        func call(_ number: UInt32, _ range: Range<Int>) throws {
            let memory = MemoryRecord(.input, address: 0x7000, bytes: Array(noise[range]))
            calls.append(CallRecord(index: UInt64(calls.count), task: TaskID(0), number: number, chunks: [memory]))
            try writer.append(calls[calls.count - 1])
        }
        while written + 10_240 <= noise.count {
            try call(1, written..<(written + 10_240))
            written += 10_240
            guard written - read >= 65_536 else { continue }
            try call(0, read..<(read + 65_536))
            read += 65_536
        }
        try writer.finish(TraceTrailer())
        #expect(writer.bytesWritten < UInt64(noise.count + noise.count / 10))
        #expect(try Trace.load(path: path).calls == calls)
    }

    /// Noise that repeats is only found by looking for it: compression at level 1 forgets within some 100 KB.
    @Test(arguments: [TraceFormat.pieceSize, 20_000])
    func bytesThatComeInOtherPortionsAreStoredOnce(pieceSize: Int) throws {
        var random = SeededGenerator(seed: 12)
        let noise = (0..<(1 << 20)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var options = TraceWriter.Options()
        options.level = 1
        options.pieceSize = pieceSize
        let writer = try TraceWriter(path: path, header: TraceHeader(), options: options)
        var calls: [CallRecord] = []
        func call(_ bytes: some Sequence<UInt8>) throws {
            let memory = MemoryRecord(.output, address: 0x7000, bytes: Array(bytes))
            calls.append(CallRecord(index: UInt64(calls.count), task: TaskID(0), number: 0, chunks: [memory]))
            try writer.append(calls[calls.count - 1])
        }
        for start in stride(from: 0, to: noise.count, by: 16_384) { try call(noise[start..<(start + 16_384)]) }
        // In other portions, with a header before, a tail after, a change within, all of it, and what is shorter than a repeat.
        for start in stride(from: 5, to: noise.count - 10_000, by: 10_000) { try call(noise[start..<(start + 10_000)]) }
        try call((0..<300).map { UInt8(truncatingIfNeeded: $0) } + noise[70_000..<90_000])
        try call(noise[1_000..<18_000] + [1, 2, 3])
        try call(noise[1_000..<5_000] + [noise[5_000] ^ 1] + noise[5_001..<9_000])
        try call(noise)
        try call(noise[100..<2_200])
        try call([UInt8](repeating: 0, count: 100_000))
        try call([UInt8](repeating: 0, count: 70_001))
        try writer.finish(TraceTrailer())
        #expect(try Trace.load(path: path).calls == calls)
        #expect(try TraceVerification.verify(path: path).isSound)
        if pieceSize == TraceFormat.pieceSize { #expect(writer.bytesWritten < UInt64(noise.count + noise.count / 10)) }
        let again = sandbox.file("again")
        try TraceRewriter.recompress(path, to: again, level: 3)
        #expect(try Trace.load(path: again).calls == calls)
    }

    @Test func piecesOfALongBufferAreStoredOnceToo() throws {
        var options = TraceWriter.Options()
        options.pieceSize = 2000
        var random = SeededGenerator(seed: 9)
        let noise = (0..<9500).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Alone, as part of a longer one, with a short tail that is known, and again.
        let buffers = [noise[8000...], noise[..<2000], noise[...], noise[..<6000], noise[...], noise[2000..<9500]]
        let writer = try TraceWriter(path: path, header: TraceHeader(), options: options)
        for (index, buffer) in buffers.enumerated() {
            let memory = MemoryRecord(.output, address: 0, bytes: Array(buffer))
            try writer.append(CallRecord(index: UInt64(index), task: TaskID(0), number: 0, chunks: [memory]))
            if index == 3 { try writer.flush() }
        }
        try writer.finish(TraceTrailer())
        let trace = try Trace.load(path: path)
        #expect(trace.calls.map(\.chunks[0].bytes) == buffers.map(Array.init))
        #expect(writer.bytesWritten < 12_000)
        #expect(try TraceVerification.verify(path: path).isSound)
    }

    @Test func contentsForgottenByTheWriterAreStoredAgainAndStillRead() throws {
        let sample = SampleLog(calls: 2000)
        var options = TraceWriter.Options()
        options.rememberedPayloads = 16
        options.timeGranularity = 1
        let writer = try TraceWriter(path: path, header: sample.header, options: options)
        for call in sample.calls { try writer.append(call) }
        try writer.finish(sample.trailer)
        #expect(try Trace.load(path: path).calls == sample.calls)
    }

    @Test func timesAreRoundedDownToTheGranularity() throws {
        let writer = try TraceWriter(path: path, header: TraceHeader())
        try writer.append(CallRecord(index: 0, task: TaskID(0), number: 39, entryTime: 1000, exitTime: 1300))
        try writer.finish(TraceTrailer())
        let call = try #require(try Trace.load(path: path).calls.first)
        #expect(call.entryTime == 896)
        #expect(call.exitTime == 1280)
    }

    @Test func whatWasFlushedIsReadableWhileTheRecordingGoesOn() throws {
        let sample = SampleLog(calls: 10)
        let writer = try TraceWriter(path: path, header: sample.header)
        for call in sample.calls { try writer.append(call) }
        #expect(try Trace.load(path: path).calls.isEmpty)
        try writer.flush()
        let trace = try Trace.load(path: path)
        #expect(trace.calls.count == 10)
        #expect(trace.recovery.error?.code == .cut)
        #expect(writer.bytesWritten == UInt64(contents(of: path).count))
    }

    @Test func aWriterThatIsDroppedLeavesWhatItHadQueued() throws {
        let sample = SampleLog(calls: 10)
        do {
            let writer = try TraceWriter(path: path, header: sample.header)
            for call in sample.calls { try writer.append(call) }
            try writer.submit()
        }
        #expect(try Trace.load(path: path).calls.count == 10)
    }

    @Test func skippingReachesTheBlockOfACallWithItsPayloads() throws {
        let sample = SampleLog(calls: 1000)
        try sample.write(to: path, perBlock: 50)
        let reader = try TraceReader(path: path)
        try reader.skip(toCall: 777)
        var contents = SharedContents()
        var first: CallRecord?
        while first == nil, let block = try reader.nextBlock() {
            if case .events(let batch) = block { first = batch.call(0, reader, &contents) }
        }
        #expect(first == sample.calls[750])
    }

    @Test func memoryOfACallIsGivenByDirection() throws {
        let call = CallRecord(
            index: 0,
            task: TaskID(0),
            number: 0,
            chunks: [
                MemoryRecord(.input, address: 100, bytes: [1, 2]),
                MemoryRecord(.output, address: 200, bytes: [3], length: 9),
            ]
        )
        let trace = Trace(calls: [call])
        #expect(trace.memory(of: call, .input).read(101, count: 1) == .bytes([2]))
        #expect(trace.memory(of: call, .input).read(200, count: 1) == .absent)
        #expect(trace.memory(of: call, .output).read(200, count: 9) == .cut([3], length: 9))
    }
}
