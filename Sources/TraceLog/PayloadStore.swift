// The payloads a reader has met so far, by id: those in use in memory, the others in the log.

/// Contents of payloads 0 ..< count. Grows block by block; ids are positions.
///
/// Calls may refer to any payload before them, and most refer to few. Blocks whose payloads were not asked for lately
/// are let go, and read again when somebody does.
final class PayloadStore {
    private struct Entry {
        let first: Int
        /// Where its block begins, and how many bytes of the prefix were known then.
        let block: BlockReader.Place
        var page: PayloadPage?
        var lastUse: UInt64
    }

    private let blocks: BlockReader
    private var entries: [Entry] = []
    /// The page of the payload that was asked for last.
    private var current: PayloadPage?
    private var currentIndex = 0
    private var use: UInt64 = 0
    /// What the pages in memory take, and may take.
    private(set) var memory = 0
    private(set) var budget: Int
    private(set) var reloads = 0
    /// Reloads that are all right before there is more memory.
    private var patience = mostPatience
    /// Lengths; `long` has those that do not fit.
    private var lengths: [UInt16] = []
    private var long: [Int: UInt64] = [:]
    private var inPieces = GrowingBitSet()
    private var parts = GrowingBitSet()
    private var decoder = PayloadDecoder()
    /// Reads blocks again, while the one that is being read stays as it is.
    private lazy var again = BlockReader(again: blocks)
    /// A block could not be read again; what it defines reads as zeros.
    private(set) var failure: TraceError?
    /// Bytes of all payloads, pieces counted again where they are put together.
    private(set) var totalBytes: UInt64 = 0

    /// What contents may take before the least used ones are let go.
    static let usualBudget = 6 << 20
    private static let mostPatience = 256
    private static let patiencePerBlock = 4

    init(_ blocks: BlockReader, budget: Int = usualBudget) {
        self.blocks = blocks
        self.budget = budget
    }

    var count: Int { lengths.count }

    /// Other payloads are made of it.
    func isPart(_ id: Int) -> Bool { parts[id] }

    @inline(__always)
    func length(_ id: Int) -> UInt64 {
        let length = lengths[id]
        return length < .max ? UInt64(length) : long[id] ?? 0
    }

    /// Calls `body` with the contents; put together in a temporary buffer if they are in pieces.
    func withBytes<T>(_ id: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        guard let page = page(of: id), page.pieces[id - page.first] == nil else {
            return try bytes(id).withUnsafeBytes(body)
        }
        return try page.withBytes(id - page.first, body)
    }

    func bytes(_ id: Int) -> [UInt8] {
        guard let page = page(of: id) else { return [UInt8](repeating: 0, count: Int(length(id))) }
        guard let ids = page.pieces[id - page.first] else { return page.withBytes(id - page.first) { [UInt8]($0) } }
        var joined: [UInt8] = []
        joined.reserveCapacity(Int(length(id)))
        for part in ids { withBytes(part) { joined.append(contentsOf: $0) } }
        return joined
    }

    // MARK: - Decoding

    /// Reads the payload section of a block. Ids continue from `count`, which the block must agree with.
    func decode(_ cursor: inout ByteCursor, _ block: BlockReader.Place, limit: UInt64) throws(Malformed) {
        let page = try decoder.decode(&cursor, first: count, total: &totalBytes, limit: limit)
        guard page.count > 0 else { return }
        for (place, length) in page.lengths.enumerated() {
            append(try page.pieces[place].map { ids throws(Malformed) in try joinedLength(ids) } ?? UInt64(length))
            if page.pieces[place] != nil { inPieces.insert(page.first + place) }
        }
        use += 1
        patience = min(patience + Self.patiencePerBlock, Self.mostPatience)
        entries.append(Entry(first: page.first, block: block, page: page, lastUse: use))
        memory += page.memory
        makeRoom()
    }

    private func append(_ length: UInt64) {
        if length >= UInt64(UInt16.max) { long[lengths.count] = length }
        lengths.append(UInt16(clamping: length))
    }

    private func joinedLength(_ ids: [Int]) throws(Malformed) -> UInt64 {
        var sum: UInt64 = 0
        for id in ids {
            guard id < count, !inPieces[id] else { throw Malformed("a payload has an impossible piece") }
            parts.insert(id)
            sum += length(id)
        }
        guard sum <= UInt64(UInt32.max) else { throw Malformed("a payload claims \(sum) bytes") }
        totalBytes += sum
        return sum
    }

    // MARK: - Pages

    @inline(__always)
    private func page(of id: Int) -> PayloadPage? {
        if let current, id >= current.first, id - current.first < current.count { return current }
        return find(id)
    }

    private func find(_ id: Int) -> PayloadPage? {
        precondition(id < count, "a payload that no block has defined yet")
        var (low, high) = (0, entries.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if entries[middle].first <= id { low = middle } else { high = middle }
        }
        entries[currentIndex].lastUse = use
        use += 1
        entries[low].lastUse = use
        currentIndex = low
        current = entries[low].page ?? reload(low)
        return current
    }

    private func reload(_ index: Int) -> PayloadPage? {
        reloads += 1
        patience -= 1
        do throws(TraceError) {
            let page = try again.payloads(entries[index].block, first: entries[index].first, &decoder)
            entries[index].page = page
            memory += page.memory
            // A log that refers far back all the time gets more memory, instead of being read over and over.
            if patience < 0 {
                patience = Self.mostPatience
                budget *= 2
            }
            makeRoom()
            return page
        } catch {
            failure = failure ?? error
            return nil
        }
    }

    /// Lets go of the pages that were not used for longest. The one used last stays, whatever it takes.
    private func makeRoom() {
        while memory > budget {
            var oldest: Int?
            for index in entries.indices where entries[index].page != nil && index != currentIndex {
                if oldest.map({ entries[index].lastUse < entries[$0].lastUse }) ?? true { oldest = index }
            }
            guard let oldest, entries[oldest].lastUse < use, let page = entries[oldest].page else { return }
            memory -= page.memory
            entries[oldest].page = nil
        }
    }
}

/// One bit for each of a growing number of things; clear beyond what was inserted.
private struct GrowingBitSet {
    private var words: [UInt64] = []

    subscript(position: Int) -> Bool {
        position >> 6 < words.count && words[position >> 6] >> UInt64(position & 63) & 1 != 0
    }

    mutating func insert(_ position: Int) {
        while position >> 6 >= words.count { words.append(0) }
        words[position >> 6] |= 1 << UInt64(position & 63)
    }
}
