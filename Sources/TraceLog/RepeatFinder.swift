// Finds what was captured a moment ago in what is captured now: a file that is read, written to a pipe, read from it.
import Glibc

/// Bytes among the large contents of a batch: offset in `Batch.bulk`, and how many.
struct BulkRange: BitwiseCopyable {
    var start: Int
    var count: Int
}

/// Knows where in a batch's large contents some bytes stand, by a fingerprint of every 64th position.
///
/// Pipes and sockets hand on the same bytes in other portions, so that contents differ although all of their bytes are
/// there already. Then neither are they copied, nor compressed.
final class RepeatFinder {
    /// Shorter contents are not looked into.
    static let smallest = 2048
    private static let step = 64
    private static let width = 32
    /// Shorter repeats are left to the compression.
    private static let shortest = 512
    /// So far into a content something new may reach before what repeats, such as a header.
    private static let header = 704
    private static let slots = 1 << 16

    /// Positions by fingerprint. What a former batch left is harmless: bytes are compared.
    private let table = UnsafeMutablePointer<UInt32>.allocate(capacity: slots)
    private var next = Batch.bulkHeadroom
    private var matches: [(at: Int, range: BulkRange)] = []
    /// Contents in a row of which nothing was found.
    private var misses = 0

    init() { table.initialize(repeating: 0, count: Self.slots) }
    deinit { table.deallocate() }

    func begin() { next = Batch.bulkHeadroom }

    @inline(__always)
    private func slot(_ bytes: UnsafeRawPointer) -> Int {
        let first = bytes.loadUnaligned(as: UInt64.self) &* 0x9E37_79B1_85EB_CA87
        let second = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) &* 0xC2B2_AE3D_27D4_EB4F
        let mixed = (first ^ (second &>> 32 | second &<< 32)) &* 0x1656_67B1_9E37_79F9
        return Int(truncatingIfNeeded: mixed &>> 48)
    }

    /// Notes where a content begins that is about to be appended, and what was appended before.
    func index(_ bulk: ByteSink, from start: Int) {
        let base = UnsafeRawPointer(bulk.base)
        if start + Self.width <= bulk.count { table[slot(base + start)] = UInt32(truncatingIfNeeded: start) }
        while next + Self.width <= bulk.count {
            table[slot(base + next)] = UInt32(truncatingIfNeeded: next)
            next += Self.step
        }
    }

    /// Adds to `batch.ranges` those that make up `bytes`, after what is new of them has been appended to `batch.bulk`.
    ///
    /// - Returns: false, and nothing is changed, unless at least half of the bytes repeat.
    func find(_ bytes: UnsafeRawBufferPointer, _ batch: Batch) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        matches.removeAll(keepingCapacity: true)
        var found = 0
        var position = 0
        var follower = -1
        // Where nothing ever repeats, only what a content begins with is looked for.
        let reach = misses < 32 ? Self.step : 1
        while position + Self.width <= bytes.count {
            guard
                let match = match(base, bytes.count, position, reach, follower, batch.bulk),
                match.range.count >= Self.shortest || match.at + match.range.count == bytes.count
            else { break }
            matches.append(match)
            found += match.range.count
            position = match.at + match.range.count
            follower = match.range.start + match.range.count
        }
        guard found * 2 >= bytes.count else {
            misses += 1
            return false
        }
        misses = 0
        var end = 0
        for match in matches {
            literal(bytes, end, match.at, batch)
            batch.ranges.append(match.range)
            end = match.at + match.range.count
        }
        literal(bytes, end, bytes.count, batch)
        return true
    }

    private func literal(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ batch: Batch) {
        guard start < end else { return }
        batch.ranges.append(BulkRange(start: batch.bulk.count, count: end - start))
        batch.bulk.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }

    /// The first repeat from `position` on, the longest around its fingerprint.
    ///
    /// - Parameter follower: where the former repeat ended; the likeliest place.
    private func match(
        _ bytes: UnsafeRawPointer,
        _ count: Int,
        _ position: Int,
        _ reach: Int,
        _ follower: Int,
        _ bulk: ByteSink
    ) -> (at: Int, range: BulkRange)? {
        let base = UnsafeRawPointer(bulk.base)
        func isAt(_ candidate: Int, _ at: Int) -> Bool {
            candidate >= Batch.bulkHeadroom && candidate + Self.width <= bulk.count
                && memcmp(base + candidate, bytes + at, Self.width) == 0
        }
        func extended(_ candidate: Int, _ at: Int) -> (at: Int, range: BulkRange) {
            var before = 0
            let room = min(at - position, candidate - Batch.bulkHeadroom)
            while before < room, Self.byte(base, candidate - before - 1) == Self.byte(bytes, at - before - 1) {
                before += 1
            }
            let length = Self.common(base + candidate, bytes + at, min(count - at, bulk.count - candidate))
            return (at - before, BulkRange(start: candidate - before, count: length + before))
        }
        if isAt(follower, position) { return extended(follower, position) }
        // Any stretch as long as a step will do: what repeats before it is found from there.
        for start in reach > 1 ? [position, position + Self.header] : [position] {
            for at in start..<max(start, min(start + reach, count - Self.width + 1)) {
                let candidate = Int(table[slot(bytes + at)])
                if isAt(candidate, at) { return extended(candidate, at) }
            }
        }
        return nil
    }

    @inline(__always)
    private static func byte(_ base: UnsafeRawPointer, _ offset: Int) -> UInt8 {
        base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// How many bytes are equal.
    private static func common(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ limit: Int) -> Int {
        var length = 0
        while length + 1024 <= limit, memcmp(left + length, right + length, 1024) == 0 { length += 1024 }
        while length + 8 <= limit {
            let difference =
                left.loadUnaligned(fromByteOffset: length, as: UInt64.self).littleEndian
                ^ right.loadUnaligned(fromByteOffset: length, as: UInt64.self).littleEndian
            if difference != 0 { return length + difference.trailingZeroBitCount / 8 }
            length += 8
        }
        while length < limit, byte(left, length) == byte(right, length) { length += 1 }
        return length
    }
}
