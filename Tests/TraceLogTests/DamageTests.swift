// A cut or damaged log gives exactly the blocks before the damage, and says where and why.
import Glibc
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct DamageTests {
    private let sandbox = Sandbox()
    private let sample = SampleLog(calls: 120, seed: 11)
    private let whole: [UInt8]
    /// Start of every block, and the end of the file.
    private let bounds: [Int]
    /// Calls that the first n blocks hold, by n.
    private let callsBefore: [Int]

    init() throws {
        let path = sandbox.file("whole")
        try sample.write(to: path, perBlock: 10)
        whole = contents(of: path)
        let reader = BlockReader(file: try LogFile(path: path))
        var starts = [0]
        var counts = [0]
        while let start = starts.last, start < whole.count {
            let header = try reader.header(at: UInt64(start))
            starts.append(start + TraceFormat.headerSize + Int(header.storedSize))
            // Snapshot's block is second; then one block per 10 calls.
            let isFullBlock = header.type == BlockType.events.rawValue
            counts.append(min((counts.last ?? 0) + (isFullBlock ? 10 : 0), 120))
        }
        bounds = starts
        callsBefore = counts
    }

    /// Loads damaged bytes and checks that exactly the first `blocks` blocks come back.
    private func check(_ bytes: [UInt8], blocks: Int, _ comment: Comment) throws {
        let path = sandbox.file("damaged")
        write(bytes, to: path)
        guard blocks > 0 else {
            let error = #expect(throws: TraceError.self, comment) { try Trace.load(path: path) }
            #expect(error?.file == path)
            return
        }
        let trace = try Trace.load(path: path)
        let error = try #require(trace.recovery.error, comment)
        #expect(error.code == .cut || error.code == .corrupt)
        #expect(error.offset == UInt64(bounds[blocks]), comment)
        #expect(trace.recovery.blocks == blocks, comment)
        #expect(trace.recovery.offset == UInt64(bounds[blocks]), comment)
        #expect(trace.recovery.droppedBytes == UInt64(bytes.count - bounds[blocks]), comment)
        #expect(trace.calls == Array(sample.calls.prefix(callsBefore[blocks])), comment)
        #expect(trace.header == sample.header)
        #expect((trace.trailer != nil) == (blocks > bounds.count - 3), comment)
    }

    @Test func aCutAtAnyOfAThousandOffsetsGivesTheBlocksBeforeIt() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1000 {
            let cut = Int.random(in: 0..<whole.count, using: &random)
            let blocks = bounds.lastIndex { $0 <= cut } ?? 0
            try check(Array(whole.prefix(cut)), blocks: blocks, "cut at \(cut)")
        }
        for (blocks, cut) in bounds.dropLast().enumerated() {
            try check(Array(whole.prefix(cut)), blocks: blocks, "cut at block \(blocks)")
        }
    }

    @Test func anyOfAThousandFlippedBytesIsNoticed() throws {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<1000 {
            let position = Int.random(in: 0..<whole.count, using: &random)
            var bytes = whole
            bytes[position] ^= UInt8.random(in: 1...255, using: &random)
            let blocks = (bounds.lastIndex { $0 <= position }) ?? 0
            try check(bytes, blocks: blocks, "byte \(position) flipped")
        }
    }

    @Test func blocksThatAreMissingRepeatedOrSwappedAreNoticed() throws {
        let block = { (index: Int) in whole[bounds[index]..<bounds[index + 1]] }
        var missing = whole
        missing.removeSubrange(bounds[4]..<bounds[5])
        try check(missing, blocks: 4, "block 4 missing")
        var repeated = whole
        repeated.insert(contentsOf: block(4), at: bounds[5])
        try check(repeated, blocks: 5, "block 4 twice")
        try check(Array(whole[..<bounds[4]] + block(5) + block(4) + whole[bounds[6]...]), blocks: 4, "4 and 5 swapped")
    }

    @Test func bytesAfterTheEndAreNoticedAndLoseNothing() throws {
        let path = sandbox.file("damaged")
        write(whole + [0], to: path)
        let trace = try Trace.load(path: path)
        #expect(trace.recovery.error?.code == .corrupt)
        #expect(trace.recovery.droppedBytes == 1)
        #expect(trace.calls == sample.calls)
    }

    /// Damage inside blocks whose checksums were made right again: a hostile or mistaken writer.
    @Test func contradictionsBehindRightChecksumsNeverCrash() throws {
        var random = SeededGenerator(seed: 8)
        let path = sandbox.file("hostile")
        let reader = BlockReader(file: try LogFile(path: sandbox.file("whole")))
        // Header and snapshot: later blocks refer to them.
        for first in bounds[..<2] { _ = try reader.contents(of: reader.header(at: UInt64(first)), at: UInt64(first)) }
        var survivors = 0
        for round in 0..<300 {
            let victim = 2 + round % (bounds.count - 3)
            let header = try reader.header(at: UInt64(bounds[victim]))
            var raw = Array(try reader.contents(of: header, at: UInt64(bounds[victim])))
            for _ in 0...(round % 3) {
                let position = Int.random(in: 0..<raw.count, using: &random)
                raw[position] =
                    [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)]
                    .randomElement(using: &random) ?? 0
            }
            if round % 5 == 0 { raw.removeLast(Int.random(in: 0..<raw.count, using: &random)) }
            let forged = storedBlock(type: header.type, sequence: header.sequence, raw)
            write(whole[..<bounds[victim]] + forged + whole[bounds[victim + 1]...], to: path)
            guard let trace = try? Trace.load(path: path) else { continue }
            survivors += 1
            #expect(trace.calls.count <= 120 + (1 << 20))
            if round % 10 == 0 { _ = try? TraceVerification.verify(path: path) }
        }
        #expect(survivors > 250)
    }
}

/// A well-formed block around any contents.
func storedBlock(
    type: UInt8,
    sequence: UInt64,
    _ raw: [UInt8],
    major: UInt8 = TraceFormat.majorVersion,
    minor: UInt8 = 0,
    rawSize: UInt32? = nil,
    storedSize: UInt32? = nil,
    codec: UInt8 = 0
) -> [UInt8] {
    let sink = ByteSink()
    BlockHeader(
        type: type,
        codec: codec,
        major: major,
        minor: minor,
        storedSize: storedSize ?? UInt32(raw.count),
        rawSize: rawSize ?? UInt32(raw.count),
        sequence: sequence,
        bodyHash: raw.withUnsafeBytes { xxh64($0) }
    ).encode(to: sink)
    raw.withUnsafeBytes { sink.append($0) }
    return Array(sink.bytes)
}
