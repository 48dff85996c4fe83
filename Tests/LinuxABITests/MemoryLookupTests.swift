// Looks at chunks of memory without arrays answer as reads do.
import LinuxABI
import Tables
import Testing

@Suite struct MemoryLookupTests {
    let memory = MemoryChunks([
        .init(address: 1000, bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        .init(address: 2000, bytes: Array("first\0second\0".utf8)),
        .init(address: 3000, bytes: Array("whole\0".utf8)),
        .init(address: 4000, bytes: Array("cut".utf8), length: 10),
        .init(address: 1004, bytes: [0xaa]),
        .init(address: 5000, bytes: []),
    ])

    @Test(arguments: [1000, 1001, 1004, 1005, 1008, 2000, 3002, 4000, 999, 5000] as [UInt64], [1, 2, 4, 8])
    func aWordIsWhatAReadGives(_ address: UInt64, _ size: Int) {
        guard let word = memory.word(address, size: size) else { return }
        guard case .bytes(let bytes) = memory.read(address, count: size) else {
            Issue.record("a word where nothing can be read")
            return
        }
        #expect(word == bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }

    @Test func wordsOfOneChunkAreFound() {
        #expect(memory.word(1000, size: 4) == 0x0403_0201)
        #expect(memory.word(1004, size: 1) == 0xaa)
        // A later chunk has some of it, or it is not all there.
        #expect(memory.word(1000, size: 8) == nil)
        #expect(memory.word(1008, size: 2) == nil)
        #expect(memory.word(4002, size: 2) == nil)
        #expect(memory.word(5000, size: 1) == nil)
        var place = 0
        #expect(memory.word(1000, size: 4, in: &place) == 0x0403_0201)
        #expect(memory.word(3000, size: 2, in: &place) == 0x6877 && place == 2)
    }

    @Test func stringsEndAtTheirNul() {
        #expect(memory.endedString(2000).map(Array.init) == Array("first".utf8))
        #expect(memory.endedString(2006).map(Array.init) == Array("second".utf8))
        #expect(memory.endedString(2005).map(Array.init) == [])
        #expect(memory.endedString(4000) == nil)
        #expect(memory.endedString(1000) == nil)
        #expect(memory.endedString(9000) == nil)
    }

    @Test func stringsThatAreAChunkAreListed() {
        let strings = memory.endedStrings
        #expect(strings.count == 1)
        #expect(strings[3000].map(memory.endedText) == "whole")
    }
}
