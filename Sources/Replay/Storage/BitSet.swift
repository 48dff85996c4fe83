// One bit for each of a fixed number of things.

struct BitSet {
    let count: Int
    private var words: [UInt64]

    /// All bits are clear.
    init(count: Int) {
        self.count = count
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
    }

    subscript(position: Int) -> Bool {
        get { words[position >> 6] >> UInt64(position & 63) & 1 != 0 }
        @inline(__always)
        set {
            let bit: UInt64 = 1 << UInt64(position & 63)
            if newValue { words[position >> 6] |= bit } else { words[position >> 6] &= ~bit }
        }
    }
}
