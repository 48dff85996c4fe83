// Payloads that are let go and read again.
import Glibc
import LinuxABI
import Testing

@testable import TraceLog

@Suite("Payloads in bounded memory")
struct PayloadTests {
    private let sandbox = Sandbox()
    private var path: String { sandbox.file("a") }

    /// Reads a log to its end, and then every payload three times in another order each.
    private func contents(of path: String, budget: Int) throws -> (payloads: [[UInt8]], reader: TraceReader) {
        let reader = try TraceReader(path: path, payloadBudget: budget)
        while try reader.nextBlock() != nil {}
        let ids = Array(0..<reader.payloadCount)
        var generator = SeededGenerator(seed: 3)
        let first = ids.map { reader.payload($0) }
        for id in ids.reversed() where reader.payload(id) != first[id] { Issue.record("payload \(id) has changed") }
        for id in ids.shuffled(using: &generator) {
            let isSame = reader.withPayload(id) { $0.elementsEqual(first[id]) }
            if !isSame { Issue.record("payload \(id) has changed") }
        }
        return (first, reader)
    }

    @Test("What was let go is read again as it was", arguments: [1, 8000, 20_000])
    func readAgain(budget: Int) throws {
        try SampleLog(calls: 4000).write(to: path, perBlock: 100)
        let all = try contents(of: path, budget: .max)
        let some = try contents(of: path, budget: budget)
        #expect(all.payloads == some.payloads)
        #expect(all.reader.payloads.reloads == 0)
        #expect(some.reader.payloads.reloads > 0 && some.reader.failure == nil)
        #expect(some.reader.payloads.totalBytes == all.reader.payloads.totalBytes)
    }

    @Test("Reading on keeps memory within the budget, however long the log", arguments: [1000, 4000])
    func bounded(calls: Int) throws {
        try SampleLog(calls: calls).write(to: path, perBlock: 50)
        let budget = 10_000
        let reader = try TraceReader(path: path, payloadBudget: budget)
        var most = 0
        while try reader.nextBlock() != nil { most = max(most, reader.payloads.memory) }
        #expect(reader.payloads.totalBytes > UInt64(budget), "the log has more than fits")
        #expect(most <= budget && reader.payloads.budget == budget)
    }

    @Test("A log that refers far back all the time gets more memory")
    func patience() throws {
        try SampleLog(calls: 4000).write(to: path, perBlock: 50)
        let reader = try contents(of: path, budget: 20_000).reader
        #expect(reader.payloads.budget > 20_000)
        #expect(reader.payloads.reloads < 3 * reader.payloadCount)
    }

    @Test("Payloads in pieces are put together from blocks that were let go")
    func pieces() throws {
        var generator = SeededGenerator(seed: 5)
        let long = (0..<60_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let writer = try TraceWriter(path: path, header: TraceHeader())
        var expected: [[UInt8]] = []
        for index in 0..<40 {
            // What is read is handed on in other portions.
            let read = Array(long[(index * 500)..<(index * 500 + 30_000)])
            for (place, bytes) in [read, Array(read[1000..<25_000]), Array(read[20_000...])].enumerated() {
                expected.append(bytes)
                let chunk = MemoryRecord(.output, address: 4096, bytes: bytes)
                let number = UInt64(3 * index + place)
                try writer.append(CallRecord(index: number, task: TaskID(0), number: 0, chunks: [chunk]))
            }
            try writer.flush()
        }
        try writer.finish(TraceTrailer())
        let reader = try TraceReader(path: path, payloadBudget: 1)
        var found: [[UInt8]] = []
        while let block = try reader.nextBlock() {
            guard case .events(let batch) = block else { continue }
            for id in batch.chunkPayloads { found.append(reader.payload(id)) }
        }
        #expect(found == expected)
        #expect((0..<reader.payloadCount).contains { reader.isPart($0) }, "nothing is in pieces")
    }

    @Test("A log that is cut while it is read ends with its error, and not before")
    func changed() throws {
        try SampleLog(calls: 2000).write(to: path, perBlock: 100)
        let reader = try TraceReader(path: path, payloadBudget: 1)
        for _ in 0..<12 { _ = try reader.nextBlock() }
        _ = reader.payload(reader.payloadCount - 1)
        _ = try reader.nextBlock()
        truncate(path, 200)
        let length = Int(reader.payloads.length(0))
        #expect(reader.payload(0) == [UInt8](repeating: 0, count: length))
        #expect(reader.failure?.code == .cut)
        #expect(throws: TraceError.self) { try reader.nextBlock() }
        #expect(try reader.nextBlock() == nil)
    }
}
