// Recorded addresses where a kernel has only 39 bits of them: 32 GiB windows of what the program used, moved below.

/// Which windows of the recording's addresses lie where; part of an address space.
struct AddressWindows {
    private static let bits: UInt64 = 35
    /// Above the agent's mailbox (`LACUNA_LOW_ADDRESSES` in Mailbox.h), below the first stack.
    private static let base: UInt64 = 0x30_0000_0000
    private static let count = 9
    /// Windows of the recording by place; neighbours stay neighbours where there is room.
    private var places = [UInt64?](repeating: nil, count: count)

    mutating func fold(_ address: UInt64) -> UInt64 {
        // The kernel's half, and what fits: unchanged.
        guard address >= Self.base, address < 1 << 47 else { return address }
        let window = address >> Self.bits
        guard let place = places.firstIndex(of: window) ?? newPlace(for: window) else { return address }
        places[place] = window
        return Self.base + UInt64(place) << Self.bits | address & (1 << Self.bits - 1)
    }

    func unfold(_ address: UInt64) -> UInt64 {
        guard address >= Self.base, address < Self.base + UInt64(Self.count) << Self.bits else { return address }
        let offset = address - Self.base
        guard let window = places[Int(offset >> Self.bits)] else { return address }
        return window << Self.bits | offset & (1 << Self.bits - 1)
    }

    private func newPlace(for window: UInt64) -> Int? {
        for (place, other) in places.enumerated() {
            if other == window - 1, place + 1 < Self.count, places[place + 1] == nil { return place + 1 }
            if other == window + 1, place > 0, places[place - 1] == nil { return place - 1 }
        }
        return [4, 1, 7, 2, 6, 0, 8, 3, 5].first { places[$0] == nil }
    }
}
