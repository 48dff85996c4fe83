// Directory listings: the same names in any order, with one inode number for each file.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Listings")
struct ListingTests {
    /// struct linux_dirent64 of getdents(2).
    private static func entry(_ name: String, _ inode: UInt8, kind: UInt8 = 8) -> [UInt8] {
        let length = (19 + name.utf8.count + 1 + 7) & ~7
        var bytes = [UInt8](repeating: 0, count: length)
        bytes[0] = inode
        bytes[16] = UInt8(length)
        bytes[18] = kind
        bytes.replaceSubrange(19..<(19 + name.utf8.count), with: Array(name.utf8))
        return bytes
    }

    /// How a listing comes out that the engine answers with these entries, and the call that ends it.
    private static func verdicts(_ recorded: [UInt8], _ engine: [UInt8]) -> [Verdict?] {
        var builder = TraceBuilder()
        builder.path("/home/d", mode: 0o040755)
        builder.open("/home/d", "O_DIRECTORY", result: 3)
        let call = builder.call("getdents64", 3, 0x2000, 4096, out: [(0x2000, recorded)], result: Int64(recorded.count))
        let end = builder.call("getdents64", 3, 0x2000, 4096, result: 0)
        let echo = EchoEngine(builder.trace)
        echo.answers[call] = DispatchResult(
            .returned(Int64(engine.count)),
            writes: [.init(address: 0x2000, bytes: engine)]
        )
        let result = Replayer(trace: builder.trace).run(on: echo)
        return [result.verdicts[call: call], result.verdicts[call: end]]
    }

    @Test("The order of the entries and the numbers of the files are the engine's own")
    func same() {
        let recorded = Self.entry("one", 11) + Self.entry("two", 12) + Self.entry("sub", 13, kind: 4)
        #expect(Self.verdicts(recorded, recorded) == [.same, .same])
        let other = Self.entry("sub", 23, kind: 4) + Self.entry("two", 22) + Self.entry("one", 21)
        #expect(Self.verdicts(recorded, other) == [.same, .same])
    }

    @Test("Another kind, and two numbers for one file differ; another name does when the directory ends")
    func differs() {
        let recorded = Self.entry("one", 11) + Self.entry("two", 11)
        let one = Self.entry("one", 21)
        #expect(Self.verdicts(recorded, one + Self.entry("too", 21)) == [.same, .differs])
        #expect(Self.verdicts(recorded, one + Self.entry("two", 21, kind: 4)).first == .differs)
        #expect(Self.verdicts(recorded, one + Self.entry("two", 22)).first == .differs)
    }
}
