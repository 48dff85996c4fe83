// `verify` finds every kind of damage and every broken order, and counts what is there.
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct VerificationTests {
    private let sandbox = Sandbox()
    private var path: String { sandbox.file("a") }

    @Test func aSoundLogHasNoProblemsAndRightCounts() throws {
        let sample = SampleLog(calls: 1500)
        try sample.write(to: path, perBlock: 400)
        let result = try TraceVerification.verify(path: path)
        #expect(result.isSound, "\(result.problems)")
        let statistics = result.statistics
        #expect(statistics.calls == 1500)
        #expect(statistics.tasks == 3)
        #expect(statistics.signals == 2)
        #expect(statistics.paths == 3)
        #expect(statistics.chunks == UInt64(sample.calls.reduce(0) { $0 + $1.chunks.count }))
        #expect(
            statistics.payloadBytes
                == UInt64(sample.calls.reduce(0) { $0 + $1.chunks.reduce(0) { $0 + $1.bytes.count } })
        )
        #expect(statistics.unfinishedCalls == UInt64(sample.calls.filter { $0.flags.contains(.unfinished) }.count))
        #expect(statistics.lastExit == sample.calls.map(\.exitTime).max())
        #expect(statistics.fileBytes == UInt64(contents(of: path).count))
        #expect(statistics.compressionRatio > 1)
        #expect(statistics.callsByNumber.values.reduce(0, +) == 1500)
    }

    @Test func everyDamagedBlockIsListedWithWhereToGoOn() throws {
        try SampleLog(calls: 600).write(to: path, perBlock: 100)
        var bytes = contents(of: path)
        let reader = BlockReader(file: try LogFile(path: path))
        var starts: [Int] = [0]
        while let start = starts.last, start < bytes.count {
            starts.append(start + TraceFormat.headerSize + Int(try reader.header(at: UInt64(start)).storedSize))
        }
        bytes[starts[3] + 50] ^= 1
        bytes[starts[5] + 9] ^= 1
        write(bytes, to: path)
        let result = try TraceVerification.verify(path: path)
        #expect(result.problems.map(\.offset) == [UInt64(starts[3]), UInt64(starts[5])])
        #expect(result.problems[1].message.contains("byte \(starts[6])"))
        #expect(result.statistics.calls == 100)
    }

    @Test func aCutLogIsNotSound() throws {
        try SampleLog(calls: 100).write(to: path, finish: false)
        let result = try TraceVerification.verify(path: path)
        #expect(result.problems.map(\.code) == [.cut])
        #expect(result.statistics.calls == 100)
    }

    private func problems(_ calls: [CallRecord], made: [UInt64?] = []) throws -> [String] {
        let writer = try TraceWriter(path: path, header: TraceHeader())
        for call in calls { try writer.append(call) }
        for (task, count) in made.enumerated() {
            try writer.append(
                TaskRecord(task: TaskID(task), time: 0, afterCalls: 0, kind: .exited(status: nil), callsMade: count)
            )
        }
        try writer.finish(TraceTrailer())
        return try TraceVerification.verify(path: path).problems.map(\.message)
    }

    private func call(_ index: UInt64, _ task: Int, _ entry: UInt64, _ exit: UInt64) -> CallRecord {
        CallRecord(index: index, task: TaskID(task), number: 1, entryTime: entry * 128, exitTime: exit * 128)
    }

    @Test func tasksThatMadeOtherNumbersOfCallsThanTheLogHoldsAreFound() throws {
        let calls = [call(0, 0, 0, 1), call(1, 1, 1, 2), call(2, 0, 2, 3)]
        #expect(try problems(calls, made: [2, 1, 0]).isEmpty)
        #expect(try problems(calls, made: [nil, nil]).isEmpty)
        let found = try problems(calls, made: [3, 1])
        #expect(found.count == 1 && found.first?.contains("task 0 made 3 calls, the log holds 2") == true)
    }

    @Test func missingAndRepeatedIndexesAreFound() throws {
        let whole = [call(2, 0, 0, 1), call(1, 1, 1, 2), call(4, 0, 2, 3), call(0, 2, 2, 3), call(3, 3, 2, 3)]
        #expect(try problems(whole).isEmpty)
        #expect(try problems(whole + [call(0, 4, 3, 4)]).first?.contains("occurs twice") == true)
        #expect(try problems(whole + [call(6, 4, 3, 4)]).first?.contains("there is no call 5") == true)
        #expect(try problems(whole + [call(8, 4, 3, 4)]).first?.contains("there are no calls 5 to 7") == true)
        #expect(try problems(Array(whole.dropLast(2))).first?.contains("there is no call 0") == true)
    }

    @Test func brokenOrdersAreFound() throws {
        #expect(try problems([call(1, 0, 1, 9), call(0, 1, 0, 10), call(2, 0, 10, 11)]).isEmpty)
        #expect(try problems([call(0, 0, 5, 6), call(1, 0, 4, 7)]).first?.contains("out of order") == true)
        #expect(try problems([call(1, 0, 5, 6), call(0, 0, 6, 7)]).first?.contains("out of order") == true)
        #expect(try problems([call(0, 0, 5, 6), call(0, 1, 6, 7)]).first?.contains("occurs twice") == true)
        #expect(try problems([call(0, 0, 5, 4)]).first?.contains("returns before") == true)
    }
}
