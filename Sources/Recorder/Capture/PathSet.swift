// The set of paths already noted, by hash: open addressing, no allocation but when it grows.
import Glibc

/// What a known path was when it was noted.
enum PathKind: UInt8 {
    case none = 0
    case directory, link, other, absent

    /// Of a file that exists.
    init(mode: UInt32) {
        switch mode & S_IFMT {
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .link
        default: self = .other
        }
    }
}

struct PathSet: ~Copyable {
    struct Entry {
        var key: UInt64 = 0
        var kind = PathKind.none
        /// The first bytes were noted too.
        var hasHead = false
        /// Index of the link's target.
        var link: UInt32 = 0
    }

    private var table: UnsafeMutableBufferPointer<Entry>
    private var count = 0

    init(capacity: Int = 1 << 11) {
        table = .allocate(capacity: capacity)
        table.initialize(repeating: Entry())
    }

    deinit { table.deallocate() }

    private func slot(_ key: UInt64, in table: UnsafeMutableBufferPointer<Entry>) -> Int {
        var mixed = key
        mixed ^= mixed >> 32
        var index = Int(truncatingIfNeeded: mixed &* 0x9e37_79b9_7f4a_7c15 >> 20) & (table.count - 1)
        while table[index].kind != .none, table[index].key != key { index = (index + 1) & (table.count - 1) }
        return index
    }

    func find(_ key: UInt64) -> Entry? {
        let entry = table[slot(key, in: table)]
        return entry.kind == .none ? nil : entry
    }

    mutating func insert(_ entry: Entry) {
        if count * 2 > table.count { grow() }
        let index = slot(entry.key, in: table)
        if table[index].kind == .none { count += 1 }
        table[index] = entry
    }

    private mutating func grow() {
        let larger = UnsafeMutableBufferPointer<Entry>.allocate(capacity: table.count * 2)
        larger.initialize(repeating: Entry())
        for entry in table where entry.kind != .none { larger[slot(entry.key, in: larger)] = entry }
        table.deallocate()
        table = larger
    }
}

/// FNV-1a, 64 bits, extended byte by byte as a path grows.
struct PathHash {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325

    @inline(__always)
    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
}
