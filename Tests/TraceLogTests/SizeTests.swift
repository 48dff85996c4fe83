// What a small log must not pay for twice.
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct SizeTests {
    private let sandbox = Sandbox()
    private var path: String { sandbox.file("log") }

    private func size(_ body: (TraceWriter) throws -> Void) throws -> UInt64 {
        let writer = try TraceWriter(path: path, header: TraceHeader())
        try body(writer)
        try writer.finish(TraceTrailer())
        #expect(try TraceVerification.verify(path: path).isSound)
        return writer.bytesWritten
    }

    @Test func whatTheSnapshotSaysIsNotStoredAgainByTheFirstExecution() throws {
        var random = SeededGenerator(seed: 4)
        let environment = (0..<60).map { "VARIABLE_\($0)=\(random.next())" }
        var snapshot = StartSnapshot()
        snapshot.environment = environment
        let execution = TaskRecord(
            task: TaskID(0),
            time: 1,
            afterCalls: 1,
            kind: .executed(path: "/bin/true", arguments: ["true"], environment: environment, auxv: [])
        )
        let alone = try size { try $0.snapshot(snapshot) }
        let both = try size { writer in
            try writer.snapshot(snapshot)
            try writer.append(execution)
        }
        #expect(alone > 600)
        #expect(both < alone + 400)
        #expect(try Trace.load(path: path).tasks == [execution])
    }

    @Test func aLogOfNothingIsAlmostNothing() throws {
        #expect(try size { _ in } < 500)
        var snapshot = StartSnapshot()
        snapshot.environment = ["LANG=C.UTF-8", "HOME=/root", "TERM=xterm-256color"]
        snapshot.mounts = ["22 27 0:21 / /proc rw,relatime - proc proc rw"]
        #expect(try size { try $0.snapshot(snapshot) } < 900)
    }

    /// Structures with noise in one word that another repeats, as ctime repeats mtime.
    @Test func wordsOfStructuresThatRepeatOneAnotherAreStoredOnce() throws {
        var random = SeededGenerator(seed: 6)
        let calls = (0..<500).map { index in
            let noise = random.next()
            var words = [UInt64](repeating: 7, count: 18)
            words[9] = noise
            words[11] = noise
            words[13] = noise &+ 1000
            if index == 0 || index % 50 == 49 { words[13] = random.next() }
            let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) } }
            return CallRecord(
                index: UInt64(index),
                task: TaskID(0),
                number: 4,
                chunks: [MemoryRecord(.output, address: 4096, bytes: bytes)]
            )
        }
        let bytes = try size { writer in for call in calls { try writer.append(call) } }
        #expect(bytes < 500 * 8 + 1200)
        #expect(try Trace.load(path: path).calls == calls)
    }
}
