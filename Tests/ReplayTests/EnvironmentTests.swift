// What calls prove about the world before the first of them.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("The environment")
struct EnvironmentTests {
    private func environment(_ builder: TraceBuilder) -> Environment {
        EnvironmentBuilder.prepare(Recording(builder.trace)).environment
    }
    private func file(_ path: String, _ builder: TraceBuilder) -> Environment.File? {
        environment(builder).files.first { $0.path == path }
    }

    @Test("Bytes read are content at their offset, through seeks, duplicates and children")
    func content() {
        var builder = TraceBuilder()
        builder.open("/home/f", result: 3)
        builder.read(3, "abc")
        builder.call("dup", 3, result: 7)
        builder.read(7, "def")
        builder.call("lseek", 3, 10, 0, result: 10)
        let child = builder.fork(pid: 300).child
        builder.read(3, "xyz", task: child)
        builder.call("pread64", 3, 0x2000, 2, 20, out: [(0x2000, Array("pq".utf8))], result: 2)
        builder.read(7, "uvw")
        let extents = file("/home/f", builder)?.content ?? []
        #expect(extents.map(\.offset) == [0, 3, 10, 13, 20])
        #expect(extents.map { String(decoding: $0.bytes, as: UTF8.self) } == ["abc", "def", "xyz", "uvw", "pq"])
    }

    @Test("Bytes that the recording wrote itself are not content of time zero")
    func writtenBytes() {
        var builder = TraceBuilder()
        builder.open("/home/f", "O_RDWR", result: 3)
        builder.write(3, "NEW")
        builder.call("lseek", 3, 0, 0, result: 0)
        builder.read(3, "NEWold")
        let extents = file("/home/f", builder)?.content ?? []
        #expect(extents == [.init(offset: 3, bytes: Array("old".utf8))])
    }

    @Test("A truncated or made file has no content of time zero")
    func truncated() {
        var builder = TraceBuilder()
        builder.path("/home/old")
        builder.path("/home/new", absent: true)
        for path in ["/home/old", "/home/new"] {
            builder.open(path, "O_RDWR", "O_CREAT", "O_TRUNC", result: 3)
            builder.write(3, "x")
            builder.call("lseek", 3, 0, 0, result: 0)
            builder.read(3, "x")
            builder.call("close", 3, result: 0)
        }
        #expect(file("/home/old", builder)?.content == [])
        #expect(file("/home/new", builder) == nil)
        #expect(environment(builder).absent.contains("/home/new"))
    }

    @Test("ENOENT means absent; what succeeds in making a name proves that it was absent")
    func absence() {
        var builder = TraceBuilder()
        builder.open("/home/no", result: -2)
        builder.call("mkdir", 0x1000, 0o755, in: [(0x1000, TraceBuilder.text("/home/made"))], result: 0)
        builder.open("/home/made/in", result: -2)
        let environment = environment(builder)
        #expect(environment.absent == ["/home/no", "/home/made"], "what lies below an absent name is not listed")
        #expect(environment.files.map(\.path) == ["/", "/home"], "a name was made in /home")
    }

    @Test("The first decisive event wins")
    func firstWins() {
        var builder = TraceBuilder()
        builder.open("/home/f", result: -2)
        builder.open("/home/f", "O_CREAT", "O_EXCL", "O_WRONLY", result: 3)
        builder.call("unlink", 0x1000, in: [(0x1000, TraceBuilder.text("/home/f"))], result: 0)
        builder.open("/home/g", result: 4)
        builder.call("unlink", 0x1000, in: [(0x1000, TraceBuilder.text("/home/g"))], result: 0)
        builder.open("/home/g", result: -2)
        let environment = environment(builder)
        #expect(environment.absent == ["/home/f"])
        #expect(environment.files.contains { $0.path == "/home/g" })
        #expect(
            EnvironmentBuilder.prepare(Recording(builder.trace)).changes.isEmpty,
            "the recording explains all of it"
        )
    }

    @Test("A complete listing is the exact set of names, less what the recording made and plus what it removed")
    func listing() {
        func entry(_ name: String, _ type: UInt8) -> [UInt8] {
            let length = (19 + name.utf8.count + 1 + 7) & ~7
            var bytes = [UInt8](repeating: 0, count: length)
            bytes[0] = UInt8(name.utf8.count + 40)
            bytes[16] = UInt8(length)
            bytes[18] = type
            bytes.replaceSubrange(19..<(19 + name.utf8.count), with: Array(name.utf8))
            return bytes
        }
        var builder = TraceBuilder()
        builder.call("mkdir", 0x1000, 0o755, in: [(0x1000, TraceBuilder.text("/home/made"))], result: 0)
        builder.call("unlink", 0x1000, in: [(0x1000, TraceBuilder.text("/home/gone"))], result: 0)
        builder.open("/home", "O_DIRECTORY", result: 3)
        let bytes = entry(".", 4) + entry("made", 4) + entry("b", 8) + entry("a", 10)
        builder.path("/home", mode: 0o040755)
        builder.call("getdents64", 3, 0x2000, 4096, out: [(0x2000, bytes)], result: Int64(bytes.count))
        builder.call("getdents64", 3, 0x2000, 4096, result: 0)
        let home = file("/home", builder)
        #expect(home?.entriesKnown == true)
        #expect(home?.entryOrder == ["b", "a", "gone"])
        #expect(file("/home/a", builder)?.kind == .symbolicLink)
        #expect(file("/home/b", builder)?.kind == .regular)
        #expect(environment(builder).absent == ["/home/made"])
    }

    @Test("Paths are resolved through links, directories and the working directory")
    func resolving() {
        var builder = TraceBuilder()
        builder.path("/home/link", mode: 0o120777)
        builder.trace.paths[0].linkTarget = "real"
        builder.path("/home/real", mode: 0o040755)
        builder.open("link/../link/f", result: 3)
        builder.call("chdir", 0x1000, in: [(0x1000, TraceBuilder.text("/home/link"))], result: 0)
        builder.open("g", result: 4)
        builder.open("/home/link", "O_DIRECTORY", result: 5)
        builder.call("openat", 5, 0x1000, 0, 0, in: [(0x1000, TraceBuilder.text("h"))], result: 6)
        let paths = environment(builder).files.map(\.path)
        for name in ["f", "g", "h"] { #expect(paths.contains("/home/real/\(name)"), "\(paths)") }
    }

    @Test("Two names with one device and inode are one file")
    func hardLinks() {
        var builder = TraceBuilder()
        builder.path("/home/a")
        builder.path("/home/b")
        for index in 0..<2 { builder.trace.paths[index].status.links = 2 }
        builder.open("/home/a", result: 3)
        builder.read(3, "shared")
        builder.open("/home/b", result: 4)
        #expect(file("/home/b", builder)?.content.first?.bytes == Array("shared".utf8))
    }

    @Test("A contradiction is an outside actor, inserted where it happened")
    func outsideActor() {
        var builder = TraceBuilder()
        builder.open("/home/lock", result: -2)
        let open = builder.open("/home/lock", result: 3)
        builder.read(3, "one")
        builder.call("lseek", 3, 0, 0, result: 0)
        let read = builder.read(3, "two")
        let preparation = EnvironmentBuilder.prepare(Recording(builder.trace))
        #expect(preparation.changes.keys.sorted() == [open, read])
        let result = Replayer(trace: builder.trace).run(on: TinyEngine())
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.events.map(\.kind) == [.outsideActor, .outsideActor])
    }

    @Test("What an engine serves itself is marked and left out")
    func engineServed() {
        var builder = TraceBuilder()
        builder.trace.snapshot?.mounts = [
            "25 1 0:22 / / rw - ext4 /dev/sda rw",
            "26 25 0:5 / /run/my\\040proc rw,nosuid - proc proc rw",
        ]
        builder.open("/proc/self/status", result: 3)
        builder.open("/run/my proc/1", result: 4)
        let environment = environment(builder)
        #expect(environment.engineServed.contains("/run/my proc"))
        #expect(environment.engineServed.contains("/proc"))
        #expect(!environment.files.contains { $0.path.hasPrefix("/proc/") || $0.path.contains("my proc/") })
        #expect(environment.mounts.map(\.type) == ["ext4", "proc"])
    }

    @Test("Names of new things are offered at the call that made them")
    func offers() {
        var builder = TraceBuilder()
        let map = builder.call("mmap", 0, 4096, 3, 0x22, UInt64.max, 0, result: 0x7f00_0000_0000)
        let fork = builder.fork(pid: 321).call
        let failed = builder.call("mmap", 0, 4096, 3, 0x22, UInt64.max, 0, result: -12)
        let names = environment(builder).names
        #expect(names.offer(.address, for: map) == 0x7f00_0000_0000)
        #expect(names.offer(.task, for: fork) == 321)
        #expect(names.offer(.address, for: failed) == nil)
        #expect(names.offer(.task, for: map) == nil)
    }

    @Test("Answers that are given are copies taken before the replay")
    func answers() {
        var builder = TraceBuilder()
        let random = builder.call("getrandom", 0x7000, 3, 0, out: [(0x7000, [5, 6, 7])], result: 3)
        let empty = builder.call("read", 0, 0x2000, 10, result: -11)
        let clock = builder.call(
            "clock_gettime",
            1,
            0x8000,
            out: [(0x8000, [2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0])],
            result: 0
        )
        let given = environment(builder).given
        #expect(given.bytes(.bytes(address: 0x7000, count: 3, what: ""), for: random) == [5, 6, 7])
        #expect(given.number(.available(what: ""), for: random) == 3)
        #expect(given.number(.available(what: ""), for: empty) == nil, "it would have blocked")
        #expect(given.number(.clock(id: 1), for: clock) == 2_000_000_009)
    }
}
