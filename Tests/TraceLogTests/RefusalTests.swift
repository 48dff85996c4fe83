// What cannot be read or written is refused in one clear line.
import Glibc
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct RefusalTests {
    private let sandbox = Sandbox()
    private var path: String { sandbox.file("a") }

    private func refusal(_ bytes: [UInt8]) -> TraceError? {
        write(bytes, to: path)
        return #expect(throws: TraceError.self) { try Trace.load(path: path) }
    }

    private let header = Metadata.encode(TraceHeader())

    @Test func otherFilesAreNotLogs() {
        #expect(refusal([])?.code == .notATrace)
        #expect(refusal(Array("#!/bin/sh\nexit 0\n".utf8))?.code == .notATrace)
        #expect(refusal([0x89])?.code == .cut)
        #expect(refusal(Array(repeating: 0, count: 4096))?.code == .notATrace)
    }

    @Test func directoriesMissingFilesAndDevicesAreUnreadable() {
        for (file, errno) in [(sandbox.path, EISDIR), (sandbox.file("missing"), ENOENT), ("/dev/null", 0)] {
            let error = #expect(throws: TraceError.self) { try TraceReader(path: file) }
            #expect(error?.code == .unreadable)
            #expect(error?.errno == errno)
            #expect(error?.description.hasPrefix("\(file): ") == true)
            #expect(error?.description.contains("\n") == false)
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root reads everything")) func aFileWithoutPermissionIsUnreadable() {
        write([1], to: path)
        chmod(path, 0)
        #expect(#expect(throws: TraceError.self) { try TraceReader(path: path) }?.errno == EACCES)
    }

    @Test func aNewerMajorVersionIsRefusedWithBothVersions() {
        let error = refusal(storedBlock(type: 1, sequence: 0, header, major: 3, minor: 7))
        #expect(error?.code == .newerVersion)
        #expect(error?.message.contains("3.7") == true)
        #expect(error?.message.contains("2.0") == true)
    }

    @Test func aNewerMinorVersionReadsWithoutWhatIsUnknown() throws {
        let sample = SampleLog(calls: 30)
        try sample.write(to: path)
        let reader = BlockReader(file: try LogFile(path: path))
        var bytes: [UInt8] = []
        var offset: UInt64 = 0
        var sequence: UInt64 = 0
        while offset < reader.file.size {
            let header = try reader.header(at: offset)
            var raw = Array(try reader.contents(of: header, at: offset))
            if header.type == BlockType.events.rawValue {
                bytes += storedBlock(type: 200, sequence: sequence, [1, 2, 3], minor: 9)
                sequence += 1
                raw += [9, 9, 9]
            }
            bytes += storedBlock(type: header.type, sequence: sequence, raw, minor: 9)
            sequence += 1
            offset += UInt64(TraceFormat.headerSize) + UInt64(header.storedSize)
        }
        write(bytes, to: path)
        let trace = try Trace.load(path: path)
        #expect(trace.recovery.isComplete)
        #expect(trace.calls == sample.calls)
    }

    @Test func hostileSizesAreRefusedBeforeMemoryIsTaken() {
        for size: UInt32 in [.max, (64 << 20) + 1] {
            #expect(refusal(storedBlock(type: 1, sequence: 0, header, rawSize: size))?.code == .corrupt)
            #expect(refusal(storedBlock(type: 1, sequence: 0, header, storedSize: size))?.code == .corrupt)
        }
        #expect(refusal(storedBlock(type: 1, sequence: 0, header, storedSize: 64 << 20))?.code == .cut)
        #expect(refusal(storedBlock(type: 1, sequence: 0, header, rawSize: 64 << 20, codec: 1))?.code == .corrupt)
        #expect(refusal(storedBlock(type: 1, sequence: 0, header, codec: 7))?.code == .corrupt)
        #expect(refusal(storedBlock(type: 3, sequence: 0, header))?.code == .corrupt)
    }

    /// Blocks of a few bytes that claim as much as the format can express.
    @Test func hostileCountsAreRefusedBeforeMemoryIsTaken() throws {
        let huge: [UInt8] = Array(repeating: 0xFF, count: 9) + [1]
        let many: [UInt8] = [0x80, 0x80, 0x80, 0x02]
        let hostile: [[UInt8]] = [
            [0, 0] + huge, [0, 0] + many + [0, 0, 1, 0], [0] + huge, [0] + many, huge, [0xFF], [],
            Array(repeating: 0xFF, count: 12),
            // A run of 4 million payloads of 64 MiB each; pieces of itself; pieces of payloads to come.
            [0, 1] + many + [0, 0] + [0x80, 0x80, 0x80, 0x40], [0, 1, 1, 2, 1, 0], [0, 1, 1, 2, 1] + huge,
            // One call of task 5 of one; of group 5 of one; leaning on a column that is not there.
            [0, 0, 1, 0, 0, 1, 0, 0, 10], [0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 10],
            [0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 3],
        ]
        let start = storedBlock(type: 1, sequence: 0, header)
        for raw in hostile {
            write(start + storedBlock(type: 3, sequence: 1, raw), to: path)
            let trace = try Trace.load(path: path)
            #expect(trace.recovery.error?.code == .corrupt, "\(raw)")
            #expect(trace.calls.isEmpty)
        }
    }

    @Test func aLogThatUnfoldsBeyondTheMemoryLimitIsRefused() throws {
        let writer = try TraceWriter(path: path, header: TraceHeader())
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        try writer.append(
            CallRecord(index: 0, task: TaskID(0), number: 0, chunks: [MemoryRecord(.output, address: 0, bytes: zeros)])
        )
        try writer.finish(TraceTrailer())
        #expect(try Trace.load(path: path).calls.count == 1)
        let error = #expect(throws: TraceError.self) { try Trace.load(path: path, memoryLimit: 1 << 19) }
        #expect(error?.code == .tooLarge)
    }

    // MARK: - Writing

    @Test func aFullDiskIsSaidAtOnce() {
        let error = #expect(throws: TraceError.self) { try TraceWriter(path: "/dev/full", header: TraceHeader()) }
        #expect(error?.code == .diskFull)
        #expect(error?.errno == ENOSPC)
        let missing = #expect(throws: TraceError.self) {
            try TraceWriter(path: sandbox.file("no/such/folder"), header: TraceHeader())
        }
        #expect(missing?.code == .ioError)
        #expect(missing?.errno == ENOENT)
    }

    @Test func whenTheDiskFillsUpWhatWasCompleteStaysReadable() throws {
        let sample = SampleLog(calls: 200)
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        var options = TraceWriter.Options()
        options.timeGranularity = 1
        let writer = try TraceWriter(descriptor: descriptor, name: "the log", header: sample.header, options: options)
        for call in sample.calls.prefix(100) { try writer.append(call) }
        try writer.flush()
        let full = open("/dev/full", O_WRONLY)
        #expect(dup2(full, descriptor) == descriptor)
        close(full)
        for call in sample.calls.suffix(100) { try writer.append(call) }
        let error = #expect(throws: TraceError.self) { try writer.flush() }
        #expect(error?.code == .diskFull)
        #expect(error?.file == "the log")
        #expect(throws: TraceError.self) { try writer.finish(TraceTrailer()) }
        let trace = try Trace.load(path: path)
        #expect(trace.calls == Array(sample.calls.prefix(100)))
        #expect(trace.recovery.error?.code == .cut)
        #expect(trace.recovery.droppedBytes == 0)
    }

    @Test func aBlockThatDoesNotFitIsTakenBackWhole() async {
        await #expect(processExitsWith: .success) {
            let sandbox = Sandbox()
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 20_000, rlim_max: 20_000)
            guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(2) }
            let sample = SampleLog(calls: 4000)
            do {
                try sample.write(to: sandbox.file("a"), perBlock: 50)
                exit(3)
            } catch {
                guard (error as? TraceError)?.code == .diskFull else { exit(4) }
            }
            let trace = try Trace.load(path: sandbox.file("a"))
            guard trace.recovery.droppedBytes == 0, trace.calls.count >= 50, trace.calls.count % 50 == 0 else {
                exit(5)
            }
            guard trace.calls == Array(sample.calls.prefix(trace.calls.count)) else { exit(6) }
        }
    }
}
