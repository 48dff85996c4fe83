// A hash table for integer keys: no hashing by seed, no boxes, one probe in the usual case.

/// Values by 64-bit key, open addressing with linear probing.
///
/// Much of a replay's state is looked up by small integers many times for each call; `Dictionary` hashes each of them
/// with SipHash. Keys come from recordings, not from an adversary that could profit from collisions.
struct IntegerTable<Value> {
    private var keys: [UInt64] = []
    private var values: [Value?] = []
    private(set) var count = 0
    /// Bits to shift a product by, so that its upper bits are a slot.
    private var shift: UInt64 = 64

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift) }

    /// The slot of `key`, or the free slot where it belongs.
    @inline(__always)
    private func slot(_ key: UInt64) -> Int {
        var slot = home(key)
        while values[slot] != nil, keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
        return slot
    }

    subscript(key: UInt64) -> Value? {
        @inline(__always)
        get { count == 0 ? nil : values[slot(key)] }
        set {
            guard let newValue else {
                remove(key)
                return
            }
            if (count + 1) * 4 > keys.count * 3 { grow() }
            let place = slot(key)
            if values[place] == nil { count += 1 }
            keys[place] = key
            values[place] = newValue
        }
    }

    subscript(key: UInt64, default initial: @autoclosure () -> Value) -> Value {
        @inline(__always)
        get { self[key] ?? initial() }
        _modify {
            if (count + 1) * 4 > keys.count * 3 { grow() }
            let place = slot(key)
            if values[place] == nil { count += 1 }
            keys[place] = key
            var value = values[place] ?? initial()
            // Taken out, so that it is not shared while it changes.
            values[place] = nil
            defer { values[place] = value }
            yield &value
        }
    }

    @discardableResult
    mutating func remove(_ key: UInt64) -> Value? {
        guard count > 0 else { return nil }
        var hole = slot(key)
        guard let removed = values[hole] else { return nil }
        values[hole] = nil
        count -= 1
        // What was pushed past the hole moves back into it.
        var next = (hole + 1) & (keys.count - 1)
        while values[next] != nil {
            let wanted = home(keys[next])
            if (next &- wanted) & (keys.count - 1) >= (next &- hole) & (keys.count - 1) {
                keys[hole] = keys[next]
                values[hole] = values[next]
                values[next] = nil
                hole = next
            }
            next = (next + 1) & (keys.count - 1)
        }
        return removed
    }

    mutating func removeAll() {
        keys = []
        values = []
        count = 0
        shift = 64
    }

    private mutating func grow() {
        let old = (keys, values)
        let size = Swift.max(8, keys.count * 2)
        keys = [UInt64](repeating: 0, count: size)
        values = [Value?](repeating: nil, count: size)
        shift = UInt64(64 - size.trailingZeroBitCount)
        for (index, value) in old.1.enumerated() where value != nil {
            let place = slot(old.0[index])
            keys[place] = old.0[index]
            values[place] = value
        }
    }
}

extension IntegerTable: Sendable where Value: Sendable {}

extension IntegerTable: Sequence {
    /// Keys and values, in no particular order.
    func makeIterator() -> AnyIterator<(key: UInt64, value: Value)> {
        var index = 0
        return AnyIterator {
            while index < keys.count {
                defer { index += 1 }
                if let value = values[index] { return (keys[index], value) }
            }
            return nil
        }
    }
}
