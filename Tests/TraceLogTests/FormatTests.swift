// The format as documented: a second implementation agrees, and the first committed log keeps reading.
import Glibc
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct FormatTests {
    private static let folder = String(#filePath.prefix(through: #filePath.lastIndex(of: "/") ?? #filePath.startIndex))

    /// Runs reader.py on a log and returns its lines.
    private func secondReader(_ log: String) throws -> [String] {
        let pipe = try #require(popen("python3 '\(Self.folder)reader.py' '\(log)' 2>&1", "r"))
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let got = fread(&buffer, 1, buffer.count, pipe)
            if got == 0 { break }
            output += buffer[0..<got]
        }
        #expect(pclose(pipe) == 0)
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test(arguments: [0, 3, 400, 4000])
    func theReaderWrittenFromTheDocumentAgrees(count: Int) throws {
        let sandbox = Sandbox()
        try SampleLog(calls: count, seed: 7).write(to: sandbox.file("a"), perBlock: 700)
        #expect(try secondReader(sandbox.file("a")) == TextDump.lines(of: sandbox.file("a")))
    }

    @Test func theReaderWrittenFromTheDocumentAgreesOnACutLogAndOnPayloadBlocks() throws {
        let sandbox = Sandbox()
        let path = sandbox.file("a")
        try SampleLog(calls: 500).write(to: path, perBlock: 100)
        let whole = contents(of: path)
        write(whole.prefix(whole.count * 2 / 3), to: path)
        #expect(try secondReader(path) == TextDump.lines(of: path))

        let large = (0..<3500).map { UInt8(truncatingIfNeeded: $0 >> 4) }
        var options = TraceWriter.Options()
        options.pieceSize = 1000
        let writer = try TraceWriter(path: path, header: TraceHeader(), options: options)
        for index in 0..<3 {
            try writer.append(
                CallRecord(
                    index: UInt64(index),
                    task: TaskID(0),
                    number: 1,
                    chunks: [MemoryRecord(.input, address: 4096, bytes: large)]
                )
            )
        }
        try writer.finish(TraceTrailer())
        let lines = try secondReader(path)
        #expect(lines.count == 6)
        #expect(try lines == TextDump.lines(of: path))
    }

    /// With LACUNA_RECORD_GOLDEN=1 in the environment this writes the newest files anew: only for a new format version.
    @Test(arguments: [1, 2])
    func theCommittedLogsOfOlderVersionsKeepReading(version: Int) throws {
        let log = Self.folder + "Golden/version-\(version).lacuna"
        let text = Self.folder + "Golden/version-\(version).txt"
        if version == TraceFormat.majorVersion, getenv("LACUNA_RECORD_GOLDEN") != nil {
            try SampleLog(calls: 60, seed: 3).write(to: log, perBlock: 25)
            write(Array(try TextDump.lines(of: log).map { $0 + "\n" }.joined().utf8), to: text)
        }
        let expected = String(decoding: contents(of: text), as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(expected.count > 60)
        #expect(try TextDump.lines(of: log) == expected)
        #expect(try TraceVerification.verify(path: log).isSound)
    }

    @Test func keysThatAnOlderWriterDidNotKnowTakeTheirDefaults() throws {
        func decode<T: Codable>(_ json: String, _ template: T) throws -> T {
            try Array(json.utf8).withUnsafeBytes { try Metadata.decode($0, template: template) }
        }
        let header = try decode(#"{"tool":"old","startRealtime":18446744073709551615,"unknown":[1,{}]}"#, TraceHeader())
        #expect(header.tool == "old")
        #expect(header.startRealtime == .max)
        #expect(header.tier == TraceHeader().tier)
        let snapshot = try decode(#"{"descriptors":[{"fd":4}],"pid":9}"#, Metadata.snapshotTemplate)
        #expect(snapshot.descriptors.map(\.fd) == [4])
        #expect(snapshot.descriptors[0].status == FileStatus())
        #expect(snapshot.limits.isEmpty)
        #expect(throws: Malformed.self) { try decode(#"{"pid":"nine"}"#, Metadata.snapshotTemplate) }
        #expect(throws: Malformed.self) { try decode(String(repeating: "[", count: 100_000), TraceHeader()) }
    }
}
