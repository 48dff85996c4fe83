// The writer's two threads: memory stays bounded, and compression gives way to speed only when it must.
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct PipelineTests {
    private let sandbox = Sandbox()
    private var path: String { sandbox.file("log") }

    /// Text that lower levels compress worse.
    private func text(_ index: Int) -> [UInt8] {
        var random = SeededGenerator(seed: UInt64(index + 1))
        return (0..<400).flatMap { _ in Array("entry \(random.next() % 300) of the list; ".utf8) }
    }

    private func write(pressure: Double, options: TraceWriter.Options = TraceWriter.Options()) throws -> UInt64 {
        let writer = try TraceWriter(path: path, header: TraceHeader(), options: options)
        for index in 0..<40 {
            writer.pressure = pressure
            let memory = MemoryRecord(.input, address: 4096, bytes: text(index))
            try writer.append(CallRecord(index: UInt64(index), task: TaskID(0), number: 1, chunks: [memory]))
            if index % 10 == 9 { try writer.flush() }
        }
        try writer.finish(TraceTrailer())
        return writer.bytesWritten
    }

    @Test func theFullerTheQueueTheLowerTheLevelAndIdleMeansTheLevelAsked() {
        let effort = Effort(level: 6)
        #expect(effort.level(backlog: 0) == 6)
        #expect(effort.level(backlog: 1) < 0)
        let levels = stride(from: 0.0, through: 1.0, by: 0.05).map { effort.level(backlog: $0) }
        #expect(levels == levels.sorted(by: >))
        #expect(Effort(level: 2).level(backlog: 0.3) == 2)
        #expect(Effort(level: 19, keepsLevel: true).level(backlog: 1) == 19)
    }

    @Test func aCallerThatIsBehindGetsSpeedInsteadOfSize() throws {
        let idle = try write(pressure: 0)
        let idleCalls = try Trace.load(path: path).calls
        let behind = try write(pressure: 1)
        #expect(behind > idle + idle / 20)
        #expect(try Trace.load(path: path).calls == idleCalls)
        var options = TraceWriter.Options()
        options.keepsLevel = true
        #expect(try write(pressure: 1, options: options) == idle)
    }

    @Test func aQueueWithoutRoomPassesBatchesOneByOneAndLosesNothing() throws {
        var options = TraceWriter.Options()
        options.queueBytes = 0
        options.batchCalls = 100
        options.timeGranularity = 1
        let sample = SampleLog(calls: 5000)
        let writer = try TraceWriter(path: path, header: sample.header, options: options)
        for call in sample.calls { try writer.append(call) }
        try writer.finish(sample.trailer)
        #expect(try Trace.load(path: path).calls == sample.calls)
    }

    @Test func tasksAndGroupsBeyondTheCachesKeepTheirCalls() throws {
        var random = SeededGenerator(seed: 5)
        let calls = (0..<6000).map { index in
            CallRecord(
                index: UInt64(index),
                task: TaskID(Int(random.next() % 200)),
                number: UInt32(random.next() % 700),
                flags: CallFlags(rawValue: UInt16(random.next() % 3)),
                chunks: (0..<Int(random.next() % 9)).map { part in
                    MemoryRecord(random.next() % 2 == 0 ? .input : .output, address: UInt64(part), bytes: [UInt8(part)])
                }
            )
        }
        let writer = try TraceWriter(path: path, header: TraceHeader())
        for call in calls { try writer.append(call) }
        try writer.finish(TraceTrailer())
        #expect(try Trace.load(path: path).calls == calls)
    }
}
