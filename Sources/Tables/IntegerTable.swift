// A hash table for integer keys: no hashing by seed, no boxes, one probe in the usual case.

/// Values by 64-bit key, open addressing with linear probing.
///
/// Much of the state of a replay and of a kernel is looked up by small integers many times for each call; `Dictionary`
/// hashes each of them with SipHash. Keys come from recordings and from counters, not from an adversary that could profit
/// from collisions.
@frozen
public struct IntegerTable<Value> {
    /// Key and value side by side: a look at one brings the other.
    @frozen
    @usableFromInline
    struct Slot {
        @usableFromInline var key: UInt64
        @usableFromInline var value: Value?

        @inlinable
        init(key: UInt64 = 0, value: Value? = nil) {
            self.key = key
            self.value = value
        }
    }
    @usableFromInline var slots: [Slot] = []
    @usableFromInline var used = 0
    /// Bits to shift a product by, so that its upper bits are a slot.
    @usableFromInline var shift: UInt64 = 64

    @inlinable
    public init() {}

    /// Keys that have a value.
    @inlinable public var count: Int { used }
    @inlinable public var isEmpty: Bool { used == 0 }

    @inlinable
    @inline(__always)
    func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift) }

    /// The slot of `key`, or the free slot where it belongs.
    @inlinable
    @inline(__always)
    func slot(_ key: UInt64) -> Int {
        var slot = home(key)
        while slots[slot].value != nil, slots[slot].key != key { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    @inlinable
    public subscript(key: UInt64) -> Value? {
        @inline(__always)
        get { count == 0 ? nil : slots[slot(key)].value }
        set {
            guard let newValue else {
                remove(key)
                return
            }
            if (count + 1) * 4 > slots.count * 3 { grow() }
            let place = slot(key)
            if slots[place].value == nil { used += 1 }
            slots[place] = Slot(key: key, value: newValue)
        }
    }

    @inlinable
    public subscript(key: UInt64, default initial: @autoclosure () -> Value) -> Value {
        @inline(__always)
        get { self[key] ?? initial() }
        _modify {
            if (count + 1) * 4 > slots.count * 3 { grow() }
            let place = slot(key)
            if slots[place].value == nil { used += 1 }
            slots[place].key = key
            var value = slots[place].value ?? initial()
            // Taken out, so that it is not shared while it changes.
            slots[place].value = nil
            defer { slots[place].value = value }
            yield &value
        }
    }

    /// Takes the value of a key out.
    @inlinable
    @discardableResult
    public mutating func remove(_ key: UInt64) -> Value? {
        guard count > 0 else { return nil }
        var hole = slot(key)
        guard let removed = slots[hole].value else { return nil }
        slots[hole].value = nil
        used -= 1
        // What was pushed past the hole moves back into it.
        let mask = slots.count - 1
        var next = (hole + 1) & mask
        while slots[next].value != nil {
            let wanted = home(slots[next].key)
            if (next &- wanted) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next]
                slots[next].value = nil
                hole = next
            }
            next = (next + 1) & mask
        }
        return removed
    }

    @inlinable
    public mutating func removeAll() {
        slots = []
        used = 0
        shift = 64
    }

    @inlinable
    mutating func grow() {
        let old = slots
        let size = Swift.max(8, old.count * 2)
        slots = [Slot](repeating: Slot(), count: size)
        shift = UInt64(64 - size.trailingZeroBitCount)
        for entry in old where entry.value != nil { slots[slot(entry.key)] = entry }
    }
}

extension IntegerTable: Sendable where Value: Sendable {}
extension IntegerTable.Slot: Sendable where Value: Sendable {}

extension IntegerTable: Sequence {
    /// Keys and values, in no particular order.
    @inlinable
    public func makeIterator() -> AnyIterator<(key: UInt64, value: Value)> {
        var index = 0
        return AnyIterator {
            while index < slots.count {
                defer { index += 1 }
                if let value = slots[index].value { return (slots[index].key, value) }
            }
            return nil
        }
    }
}
