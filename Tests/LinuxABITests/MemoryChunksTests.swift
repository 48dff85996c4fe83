// Chunks of recorded memory answer as the memory did.
import Testing

@testable import LinuxABI

@Suite struct MemoryChunksTests {
    @Test func aRangeMayRunOverAdjacentChunks() {
        let memory = MemoryChunks([.init(address: 104, bytes: [5, 6]), .init(address: 100, bytes: [1, 2, 3, 4])])
        #expect(memory.read(101, count: 4) == .bytes([2, 3, 4, 5]))
        #expect(memory.read(100, count: 9) == .cut([1, 2, 3, 4, 5, 6], length: 6))
        #expect(memory.read(99, count: 1) == .absent)
    }

    @Test func laterChunksShadowEarlierOnes() {
        let memory = MemoryChunks([
            .init(address: 100, bytes: [1, 1, 1, 1, 1, 1]), .init(address: 102, bytes: [2, 2, 2]),
            .init(address: 103, bytes: [3]),
        ])
        #expect(memory.read(100, count: 6) == .bytes([1, 1, 2, 3, 2, 1]))
    }

    @Test func cutPayloadKeepsItsLength() {
        let memory = MemoryChunks([
            .init(address: 100, bytes: [1, 2]), .init(address: 102, bytes: [3, 4], length: 10),
        ])
        #expect(memory.read(100, count: 4) == .bytes([1, 2, 3, 4]))
        #expect(memory.read(100, count: 8) == .cut([1, 2, 3, 4], length: 8))
        #expect(memory.read(106, count: 3) == .cut([], length: 3))
        #expect(memory.read(106, count: 100) == .cut([], length: 6))
    }

    /// The recorder notes a bad pointer as a chunk of no bytes.
    @Test func aChunkOfNoBytesIsABadPointer() {
        let memory = MemoryChunks([.init(address: 100, bytes: [1]), .init(address: 200, bytes: [])])
        #expect(memory.read(200, count: 8) == .absent)
        #expect(memory.readString(200, limit: 8) == .absent)
        #expect(memory.read(100, count: 0) == .bytes([]))
    }

    @Test func rangesAtTheEndOfTheAddressSpaceEnd() {
        let memory = MemoryChunks([.init(address: .max - 1, bytes: [1, 2])])
        #expect(memory.read(.max - 1, count: 2) == .bytes([1, 2]))
        #expect(memory.read(.max - 1, count: 4) == .cut([1, 2], length: 2))
    }

    @Test(arguments: [true, false])
    func stringsEndAtTheirNUL(usesDefault: Bool) {
        let chunks = MemoryChunks([
            .init(address: 100, bytes: Array("abc".utf8)), .init(address: 103, bytes: Array("de\0f".utf8)),
        ])
        func read(_ address: UInt64, _ limit: Int) -> MemoryBytes {
            usesDefault
                ? OnlyRanges(chunks: chunks).readString(address, limit: limit)
                : chunks.readString(address, limit: limit)
        }
        #expect(read(100, 4096) == .bytes(Array("abcde".utf8)))
        #expect(read(106, 4096) == .cut(Array("f".utf8), length: 1))
        #expect(read(100, 2) == .cut(Array("ab".utf8), length: 2))
        #expect(read(50, 10) == .absent)
    }

    private struct OnlyRanges: MemoryView {
        let chunks: MemoryChunks
        func read(_ address: UInt64, count: Int) -> MemoryBytes { chunks.read(address, count: count) }
    }
}
