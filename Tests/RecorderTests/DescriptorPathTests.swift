// Which directories descriptors are, as far as the stream of calls tells.
import Glibc
import LinuxABI
import Testing
import TraceLog

@testable import Recorder

private let directoryFlags = StreamArgument.flags(O_RDONLY, O_DIRECTORY, O_CLOEXEC, O_NOFOLLOW)
private let noFollow = StreamArgument.number(0x100)
private let missing = -Int64(ENOENT)

@Suite struct DescriptorPathTests {
    /// A tree a/b/c with a descriptor for each.
    private func chain() throws -> LateStream {
        let stream = try LateStream()
        for name in ["a", "a/b", "a/b/c", "z"] { stream.directory(name) }
        stream.fast("openat", .here, "a", directoryFlags, result: 3)
        stream.fast("openat", 3, "b", directoryFlags, result: 4)
        stream.fast("openat", 4, "c", directoryFlags, result: 5)
        return stream
    }

    @Test func chainsOfDescriptorsAreFollowed() throws {
        let stream = try chain()
        #expect(stream.fast("newfstatat", 5, "f", 0, noFollow, result: missing) == ["a/b/c/f!"])
        #expect(stream.fast("newfstatat", 4, "f", 0, noFollow, result: missing) == ["a/b/f!"])
        #expect(stream.fast("newfstatat", 4, "../g", 0, noFollow, result: missing) == ["a/g!"])
        stream.fast("fchdir", 4)
        #expect(stream.fast("access", "h", 0, result: missing) == ["a/b/h!"])
        stream.fast("chdir", "..")
        stream.fast("chdir", "..")
        #expect(stream.fast("access", "h", 0, result: missing) == ["h!"])
        stream.supervisorNotes("z")
        #expect(stream.readQueue() == ["z/"])
        stream.lockStep("chdir", .path(stream.path("z")))
        #expect(stream.fast("access", "i", 0, result: missing) == ["z/i!"])
    }

    @Test func copiesAreFollowedAndClosesForget() throws {
        let stream = try chain()
        stream.fast("dup", 5, result: 6)
        stream.fast("dup2", 4, 7, result: 7)
        stream.fast("fcntl", 3, .number(Int64(F_DUPFD)), 20, result: 20)
        stream.fast("fcntl", 3, .number(Int64(F_GETFD)), result: 7)
        #expect(stream.fast("faccessat", 6, "p", 0, result: missing) == ["a/b/c/p!"])
        #expect(stream.fast("faccessat", 7, "p", 0, result: missing) == ["a/b/p!"])
        #expect(stream.fast("faccessat", 20, "p", 0, result: missing) == ["a/p!"])
        stream.fast("close", 6)
        #expect(stream.fast("faccessat", 6, "q", 0, result: missing) == [])
        stream.fast("close_range", 7, 100, 0)
        #expect(stream.fast("faccessat", 20, "q", 0, result: missing) == [])
        #expect(stream.fast("faccessat", 5, "q", 0, result: missing) == ["a/b/c/q!"])
    }

    /// A number that a call gave anew is not the directory it was.
    @Test(arguments: ["open", "socket", "eventfd2", "accept4", "pipe2", "ioctl", "creat"])
    func numbersAreReused(_ name: String) throws {
        let stream = try chain()
        stream.file("f")
        switch name {
        case "open": stream.fast("open", "f", 0, result: 5)
        case "creat": stream.lockStep("creat", "f", 0, result: 5)
        case "pipe2": stream.fast("pipe2", .output([5, 0, 0, 0, 9, 0, 0, 0]), 0)
        case "ioctl": stream.fast("ioctl", 3, .number(Int64(ABI.constant("NS_GET_USERNS"))), result: 5)
        default: stream.fast(name, 1, 1, 0, result: 5)
        }
        #expect(stream.fast("faccessat", 5, "q", 0, result: missing) == [])
        #expect(stream.fast("faccessat", 4, "q", 0, result: missing) == ["a/b/q!"])
    }

    @Test func childrenCopyOrShare() throws {
        let stream = try chain()
        let forked = stream.child("fork")
        let thread = stream.child("clone", .number(Int64(0x200 | 0x400)), tid: 77)
        let third = stream.child("clone3", .input([0, 2, 0, 0, 0, 0, 0, 0]), tid: 78)
        stream.fast("fchdir", 5)
        stream.fast("close", 3)
        #expect(stream.fast("access", "x", 0, result: missing, of: forked) == ["x!"])
        #expect(stream.fast("access", "x", 0, result: missing, of: thread) == ["a/b/c/x!"])
        #expect(stream.fast("access", "y", 0, result: missing, of: third) == ["a/b/c/y!"])
        #expect(stream.fast("faccessat", 3, "y", 0, result: missing, of: thread) == [])
        #expect(stream.fast("faccessat", 3, "y", 0, result: missing, of: forked) == ["a/y!"])
        stream.lockStep("unshare", .number(0x400), of: thread)
        stream.fast("close", 4, of: thread)
        #expect(stream.fast("faccessat", 4, "y", 0, result: missing) == ["a/b/y!"])
        stream.executed(forked, tid: Int32.max - 2)
        #expect(stream.fast("faccessat", 3, "z", 0, result: missing, of: forked) == [])
        #expect(stream.fast("access", "zz", 0, result: missing, of: forked) == ["zz!"])
    }

    @Test func renamedDirectoriesLoseTheirNames() throws {
        let stream = try chain()
        rename(stream.path("a"), stream.path("y"))
        stream.lockStep("rename", "a", "y")
        #expect(stream.fast("faccessat", 5, "q", 0, result: missing) == [])
        #expect(stream.fast("faccessat", 3, "q", 0, result: missing) == [])
        // The new name is found when it is opened.
        stream.fast("openat", .here, "y/b", directoryFlags, result: 4)
        #expect(stream.fast("faccessat", 4, "q", 0, result: missing) == ["y/b/q!"])
        // Files do not matter.
        stream.lockStep("renameat", 4, "f", .here, "g")
        #expect(stream.fast("faccessat", 4, "r", 0, result: missing) == ["y/b/r!"])
    }

    /// Nothing is known of descriptors that came from outside; /proc still knows where they are.
    @Test func procTellsOfUnknownDescriptors() throws {
        let stream = try LateStream()
        stream.directory("d")
        let fd = open(stream.path("d"), O_RDONLY | O_DIRECTORY)
        defer { close(fd) }
        let task = stream.outsider()
        #expect(
            stream.fast("faccessat", .number(Int64(fd)), "x", 0, result: missing, of: task) == ["./", "d/", "d/x!"]
        )
        // What is uncertain does not overrule what is there.
        stream.file("d/y")
        #expect(stream.fast("faccessat", .number(Int64(fd)), "y", 0, result: missing, of: task) == ["d/y"])
        #expect(stream.fast("faccessat", .number(Int64(fd)), "gone", 0, of: task) == ["d/gone!"])
        #expect(stream.fast("faccessat", 999, "z", 0, result: -Int64(EBADF), of: task) == [])
    }

    @Test func openHowSaysWhereItsPathBegins() throws {
        let stream = try chain()
        func how(_ resolve: UInt8) -> StreamArgument {
            .input([UInt8](repeating: 0, count: 16) + [resolve, 0, 0, 0, 0, 0, 0, 0])
        }
        stream.lockStep("openat2", 3, "b", how(0x8), 24, result: 6)
        #expect(stream.fast("faccessat", 6, "q", 0, result: missing) == ["a/b/q!"])
        stream.lockStep("openat2", 3, "b", how(0x10), 24, result: 6)
        #expect(stream.fast("faccessat", 6, "q", 0, result: missing) == [])
    }

    /// A directory that the workload made is absent in the notes, and still what its descriptor is.
    @Test func newDirectoriesAreFollowed() throws {
        let stream = try LateStream()
        stream.supervisorNotes("d")
        stream.directory("d")
        stream.link("l", to: "d")
        #expect(stream.readQueue() == ["./", "d!"])
        stream.lockStep("mkdir", "d", 0)
        #expect(stream.fast("openat", .here, "d", directoryFlags, result: 3) == [])
        #expect(stream.fast("faccessat", 3, "x", 0, result: missing) == ["d/x!"])
        #expect(stream.fast("chdir", "l") == ["l@"])
        #expect(stream.fast("access", "y", 0, result: missing) == ["d/y!"])
    }
}
