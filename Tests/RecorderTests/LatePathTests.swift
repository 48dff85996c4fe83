// What the log thread notes of paths of calls that ran unseen.
import Glibc
import LinuxABI
import Testing
import TraceLog

@testable import Recorder

private let directoryFlags = StreamArgument.flags(O_RDONLY, O_DIRECTORY, O_CLOEXEC, O_NOFOLLOW)
private let noFollow = StreamArgument.number(0x100)

@Suite struct LatePathTests {
    @Test func eachComponentIsNotedOnceBeforeTheCall() throws {
        let stream = try LateStream()
        stream.directory("a")
        stream.file("a/f", "text")
        let path = StreamArgument.path(stream.path("a/f"))
        #expect(stream.fast("openat", .here, path, 0, result: 3) == ["./", "a/", "a/f"])
        #expect(stream.fast("openat", .here, path, 0, result: 4) == [])
        #expect(stream.fast("access", "a/../a/./f", 0) == [])
        #expect(stream.records.first?.path == "/")
        #expect(stream.record("a/f")?.status.size == 4)
        #expect(stream.record("a/f")?.absent == nil)
        #expect(stream.late.derived == 0)
    }

    /// The same walk gives the supervisor's records, whoever makes it.
    @Test func bothTiersNoteTheSame() throws {
        let (late, early) = (try LateStream(), try LateStream())
        let names = ["d/e/f", "l/f", "d/up/d/e/f", "missing/x", "d/e/f/x", "loop1"]
        for stream in [late, early] {
            stream.directory("d")
            stream.directory("d/e")
            stream.file("d/e/f")
            stream.link("l", to: "d/e")
            stream.link("d/up", to: "..")
            stream.link("loop1", to: "loop2")
            stream.link("loop2", to: "loop1")
        }
        var noted: [String] = []
        for name in names {
            early.supervisorNotes(name)
            let found = Glibc.access(late.path(name), F_OK) == 0 ? 0 : -Int64(errno)
            noted += late.fast("access", .path(late.path(name)), 0, result: found)
        }
        let expected = early.readQueue()
        #expect(noted == expected)
        #expect(expected.contains("loop2@") && expected.contains("missing!"))
    }

    @Test func theSupervisorsNotesAreNotRepeated() throws {
        let stream = try LateStream()
        stream.file("f")
        stream.supervisorNotes("f")
        #expect(stream.readQueue() == ["./", "f"])
        #expect(stream.fast("access", "f", 0) == [])
        stream.file("g", "#!/bin/sh")
        #expect(stream.fast("access", "g", 0) == ["g"])
        stream.supervisorNotes("g")
        #expect(stream.readQueue() == [])
        // The first bytes of a file that is executed are news.
        stream.supervisorNotes("g", heads: true)
        #expect(stream.readQueue() == ["g"])
    }

    /// What the supervisor saw before a change is the truth, even if the log thread has not come to it.
    @Test func aNoteInTheQueueGoesBeforeALateLook() throws {
        let stream = try LateStream()
        stream.file("f")
        stream.supervisorNotes("f")
        stream.supervisorNotes("new")
        chmod(stream.path("f"), 0o600)
        stream.file("new")
        #expect(stream.fast("access", "f", 0) == ["./", "f"])
        #expect(stream.record("f")?.status.mode == S_IFREG | 0o640)
        #expect(stream.fast("readlink", "new", 0, 64, result: -Int64(ENOENT)) == ["new!"])
        #expect(stream.readQueue() == [])
    }

    // MARK: - The result wins

    @Test func aFileMadeAfterwardsWasAbsent() throws {
        let stream = try LateStream()
        stream.file("f")
        #expect(stream.fast("stat", "f", 0, result: -Int64(ENOENT)) == ["./", "f!"])
        #expect(stream.record("f")?.absent == ENOENT)
        stream.directory("d")
        #expect(stream.fast("access", "d/x", 0, result: -Int64(ENOENT)) == ["d/", "d/x!"])
    }

    @Test func aCallThatDidNotReturnProvesNothing() throws {
        let stream = try LateStream()
        stream.file("f")
        #expect(stream.fast("open", "f", 0, result: LateCall.noResult) == ["./", "f"])
        #expect(stream.fast("open", "g", 0, result: LateCall.noResult) == ["g!"])
    }

    @Test func aFileRemovedAfterwardsIsAsStatSaid() throws {
        let stream = try LateStream()
        stream.file("f", "some text")
        let status = StreamArgument.status(stream.path("f"))
        unlink(stream.path("f"))
        #expect(stream.fast("stat", "f", status) == ["./", "f"])
        #expect(stream.record("f")?.status.size == 9)
        // Changed, not removed.
        stream.file("g", "12345")
        let before = StreamArgument.status(stream.path("g"))
        stream.file("g", "1234567890")
        #expect(stream.fast("newfstatat", .here, "g", before, noFollow) == ["g"])
        #expect(stream.record("g")?.status.size == 5)
        #expect(stream.late.derived == 0)
    }

    @Test func whatIsGoneIsDerivedFromTheCall() throws {
        let stream = try LateStream()
        #expect(stream.fast("open", "f", 0, result: 3) == ["./", "f"])
        #expect(stream.record("f")?.status.mode == S_IFREG | 0o644)
        #expect(stream.fast("openat", .here, "d/e", directoryFlags, result: 4) == ["d/", "d/e/"])
        #expect(stream.fast("readlink", "l", .output(Array("far".utf8)), 64, result: 3).contains("l@"))
        #expect(stream.record("l")?.linkTarget == "far")
        #expect(stream.fast("readlink", "m", 0, 64, result: -Int64(EINVAL)) == ["m"])
        #expect(stream.fast("access", "n", 0, result: -Int64(EACCES)) == ["n!"])
        #expect(stream.late.derived == 5)
    }

    /// lstat answers for the link, not for what it leads to.
    @Test func aDanglingLinkLeadsNowhere() throws {
        let stream = try LateStream()
        stream.link("l", to: "nowhere")
        let status = StreamArgument.status(stream.path("l"))
        #expect(stream.fast("lstat", "l", status) == ["./", "l@", "nowhere!"])
        stream.link("m", to: "void")
        #expect(stream.fast("readlink", "m", .output(Array("void".utf8)), 64, result: 4) == ["m@", "void!"])
        #expect(stream.late.derived == 0)
        // stat answers for the target.
        stream.file("t", "123")
        stream.link("k", to: "t")
        let target = StreamArgument.status(stream.path("t"))
        stream.file("t", "123456")
        #expect(stream.fast("stat", "k", target) == ["k@", "t"])
        #expect(stream.record("t")?.status.size == 3)
    }

    @Test func statxIsReadLikeStat() throws {
        let stream = try LateStream()
        stream.file("f", "text")
        // Swift does not import it.
        typealias Statx =
            @convention(c) (Int32, UnsafePointer<CChar>, Int32, UInt32, UnsafeMutableRawPointer) -> Int32
        let statx = unsafeBitCast(try #require(dlsym(nil, "statx")), to: Statx.self)
        var bytes = [UInt8](repeating: 0, count: 256)
        #expect(statx(AT_FDCWD, stream.path("f"), 0, 0x7ff, &bytes) == 0)
        var status = stat()
        lstat(stream.path("f"), &status)
        #expect(bytes.withUnsafeBytes { FileStatus(statx: $0) } == FileStatus(status))
        // Without all of it, the look has to do.
        bytes[0] = 1
        #expect(bytes.withUnsafeBytes { FileStatus(statx: $0) } == nil)
    }

    // MARK: - Odd paths

    @Test func loopsAndLongPathsEnd() throws {
        let stream = try LateStream()
        stream.link("a", to: "b")
        stream.link("b", to: "a")
        #expect(stream.fast("stat", "a", 0, result: -Int64(ELOOP)) == ["./", "a@", "b@"])
        let long = String(repeating: "x/", count: 3000)
        #expect(stream.fast("stat", .path(long), 0, result: -Int64(ENAMETOOLONG)) == [])
        // A string that could not be read to its end.
        #expect(stream.fast("stat", .input(Array("ab".utf8)), 0, result: -Int64(EFAULT)) == [])
        #expect(stream.fast("stat", "", 0, result: -Int64(ENOENT)) == [])
    }

    @Test func namesAreBytes() throws {
        let stream = try LateStream()
        let names: [[UInt8]] = [[0xff, 0xfe], [0xff, 0xfd], [0x0a, 0x20]]
        for name in names { #expect(stream.fast("access", .input(name + [0]), 0, result: -Int64(ENOENT)).count >= 1) }
        #expect(stream.records.filter { $0.absent != nil }.count == 3)
        for name in names { #expect(stream.fast("access", .input(name + [0]), 0, result: -Int64(ENOENT)) == []) }
    }

    @Test func procSelfIsTheTask() throws {
        let stream = try LateStream()
        let task = stream.outsider()
        stream.fast("open", "/proc/self/status", 0, result: 3, of: task)
        #expect(stream.records.contains { $0.path == "/proc/\(getpid())/status" })
        // Of a process that is gone, the recorder's own file tells the mode.
        stream.fast("open", "/proc/self/maps", 0, result: 3)
        let maps = stream.records.first { $0.path == "/proc/\(Int32.max - 1)/maps" }
        #expect(maps?.status.mode == S_IFREG | 0o444)
    }

    @Test func socketsAreNotedByTheirAddress() throws {
        let stream = try LateStream()
        let address = [1, 0] + Array(stream.path("socket").utf8) + [0]
        #expect(stream.fast("connect", 3, .input(address), .number(Int64(address.count))) == ["./", "socket"])
        #expect(stream.record("socket")?.status.mode == S_IFSOCK | 0o755)
        #expect(stream.fast("connect", 3, .input([2, 0, 1, 2, 3, 4]), 6) == [])
    }

    @Test func mostCallsAreNotLookedAt() {
        let table = LateCallTable(CallTable())
        for name in ["read", "write", "fstat", "futex", "mmap", "getdents64", "epoll_wait", "clock_gettime"] {
            let number = UInt32(ABI.call(named: name)?.numbers.x86_64 ?? -1)
            #expect(table.isIdle(number), "\(name)")
        }
    }
}
