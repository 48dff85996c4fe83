// Which contents a log already holds, by XXH3-128, in bounded memory.

/// An open-addressing table from content hash to payload id.
private struct HashTable {
    private var keys: [ContentHash]
    /// Id plus one; 0 is a free slot.
    private var ids: [UInt64]
    private(set) var count = 0
    private var mask: Int

    init(slots: Int = 1024) {
        keys = Array(repeating: .zero, count: slots)
        ids = Array(repeating: 0, count: slots)
        mask = slots - 1
    }

    private func slot(_ key: ContentHash) -> Int {
        var position = Int(truncatingIfNeeded: key.low) & mask
        while ids[position] != 0, keys[position] != key { position = (position + 1) & mask }
        return position
    }

    func find(_ key: ContentHash) -> UInt64? {
        let found = ids[slot(key)]
        return found == 0 ? nil : found - 1
    }

    mutating func insert(_ key: ContentHash, _ id: UInt64) {
        if count * 2 > mask { grow() }
        let position = slot(key)
        keys[position] = key
        ids[position] = id + 1
        count += 1
    }

    private mutating func grow() {
        var larger = HashTable(slots: (mask + 1) * 2)
        for position in ids.indices where ids[position] != 0 { larger.insert(keys[position], ids[position] - 1) }
        self = larger
    }
}

/// Remembers the newest contents in two generations; what falls out is merely stored again when it recurs.
struct PayloadDictionary {
    private var young = HashTable()
    private var old = HashTable()
    private let generation: Int

    init(limit: Int) { generation = max(limit / 2, 1) }

    mutating func find(_ key: ContentHash) -> UInt64? {
        if let id = young.find(key) { return id }
        guard let id = old.find(key) else { return nil }
        insert(key, id)
        return id
    }

    mutating func insert(_ key: ContentHash, _ id: UInt64) {
        if young.count >= generation {
            old = young
            young = HashTable()
        }
        young.insert(key, id)
    }
}
