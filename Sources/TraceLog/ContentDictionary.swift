// Which contents were staged before, by XXH3-128, in bounded memory: the capture side's half of storing each once.

/// Gives every content a number when it is met first. The encoder, which sees batches later and in another order,
/// maps numbers to payload ids; so neither waits for the other, and a repeat costs a hash and no copy.
///
/// Two generations are remembered; what falls out is merely stored again when it recurs. Generations change only
/// between batches: all of the older one is then encoded, and its numbers can be forgotten by the encoder too.
struct ContentDictionary {
    enum Finding {
        case known(UInt64)
        case new(UInt64)
        /// Known by a number that will be forgotten, and from now on by another.
        case renewed(UInt64, was: UInt64)
    }

    private var young = ContentTable()
    private var old = ContentTable()
    private let generation: Int
    /// The next number.
    private(set) var next: UInt64 = 0
    /// Numbers below will not be used again.
    private(set) var oldest: UInt64 = 0
    private var youngStart: UInt64 = 0

    init(limit: Int) { generation = max(limit / 2, 1) }

    @inline(__always)
    mutating func number(_ hash: ContentHash) -> Finding {
        if let number = young.find(hash) { return .known(number) }
        let number = next
        next += 1
        young.insert(hash, number)
        if let was = old.find(hash) { return .renewed(number, was: was) }
        return .new(number)
    }

    func isKnown(_ hash: ContentHash) -> Bool { young.find(hash) != nil || old.find(hash) != nil }

    /// To be called between batches.
    mutating func turn() {
        guard young.count >= generation else { return }
        old = young
        young = ContentTable()
        oldest = youngStart
        youngStart = next
    }
}

/// An open-addressing table from content hash to number. 24 bytes a slot, at least a third of them free.
private final class ContentTable {
    private struct Slot: BitwiseCopyable {
        var key: ContentHash
        /// Number plus one; 0 is a free slot.
        var number: UInt64
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    private(set) var count = 0

    init(slots: Int = 1024) {
        self.slots = Self.allocate(slots)
        mask = slots - 1
    }

    deinit { slots.deallocate() }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        slots.initialize(repeating: Slot(key: .zero, number: 0), count: count)
        return slots
    }

    @inline(__always)
    private func position(_ key: ContentHash) -> Int {
        var position = Int(truncatingIfNeeded: key.low) & mask
        while slots[position].number != 0, slots[position].key != key { position = (position + 1) & mask }
        return position
    }

    @inline(__always)
    func find(_ key: ContentHash) -> UInt64? {
        let found = slots[position(key)].number
        return found == 0 ? nil : found - 1
    }

    func insert(_ key: ContentHash, _ number: UInt64) {
        if count * 3 > mask * 2 { grow() }
        slots[position(key)] = Slot(key: key, number: number + 1)
        count += 1
    }

    private func grow() {
        let before = slots
        let size = mask + 1
        slots = Self.allocate(size * 2)
        mask = size * 2 - 1
        for place in 0..<size where before[place].number != 0 { slots[position(before[place].key)] = before[place] }
        before.deallocate()
    }
}
