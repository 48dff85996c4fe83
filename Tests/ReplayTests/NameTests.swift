// Paths as objects: one for each, found by components, by the whole text where there are none.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Names")
struct NameTests {
    @Test("A path is one object, below the object of its directory")
    func tree() {
        let files = RecordedFiles()
        let file = files.name("/a/b/c")
        #expect(file.parent === files.name("/a/b"))
        #expect(files.name(Array("c".utf8)[...], in: files.name("/a/b")) === file)
        #expect(files.root === files.name("/") && files.name("/a").parent === files.root)
        #expect(files.count == 4)
    }

    @Test("What is no plain absolute path has an object too, apart from those that are")
    func odd() {
        let files = RecordedFiles()
        for path in ["/a//b", "/a/b/", "a/b", ""] {
            let name = files.name(path)
            #expect(name.parent == nil && !name.isPlain, "\(path)")
            #expect(files.name(path) === name, "\(path)")
            #expect(name !== files.name("/a/b"), "\(path)")
        }
    }

    @Test("A name that is not UTF-8 is one object, by its repaired text")
    func illFormed() {
        let files = RecordedFiles()
        let name = files.name([0x66, 0xff][...], in: files.root)
        #expect(name.text == "/f\u{fffd}")
        #expect(files.name([0x66, 0xff][...], in: files.root) === name)
        #expect(files.name("/f\u{fffd}") === name)
    }

    @Test("Names with the same hash are two")
    func twins() throws {
        let (one, other) = try #require(Self.twins())
        #expect(PathWalks.key(Array(one.utf8)[...]) == PathWalks.key(Array(other.utf8)[...]))
        let files = RecordedFiles()
        let first = files.name("/d/\(one)/x")
        let second = files.name("/d/\(other)/x")
        #expect(first !== second)
        #expect(files.name("/d/\(one)/x") === first && files.name("/d/\(other)/x") === second)
        let directory = files.name("/d")
        #expect(files.name(Array(other.utf8)[...], in: directory) === second.parent)
        files.proveAbsent(first, call: 0)
        files.proveAbsent(second, call: 0)
        #expect(files.namesBelow(directory).count == 2)
    }

    /// Two names of 16 letters and digits that have one hash.
    private static func twins() -> (String, String)? {
        func half(_ text: String) -> UInt64 { text.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        func mixed(_ word: UInt64) -> UInt64 {
            let product = word &* 0x9FB2_1C65_1E98_DF25
            return product ^ product >> 32
        }
        let (start, end) = ("aaaaaaaa", "bbbbbbbb")
        for number in 0..<10_000_000 {
            let digits = String(number)
            let candidate = String(repeating: "c", count: 8 - digits.count) + digits
            let word = half(end) ^ mixed(half(start)) ^ mixed(half(candidate))
            let bytes = (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
            guard bytes.allSatisfy({ (0x30...0x7a).contains($0) }) else { continue }
            return (start + end, candidate + String(decoding: bytes, as: UTF8.self))
        }
        return nil
    }
}
