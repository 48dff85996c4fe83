// Names as objects: one for each, so that a directory's entries are found and compared by identity.
import Glibc
import NTKernel

/// A component of paths. There is one object for each name that anybody holds (``VfsNameTable``).
final class VfsName {
    enum Kind: UInt8 {
        case ordinary, dot, dotDot
        /// What stands behind the last slash of `/`.
        case empty
        /// More than 255 bytes.
        case tooLong
    }

    let text: String
    let kind: Kind
    /// Never given twice: a key for tables.
    let id: UInt64
    let bytes: [UInt8]
    /// What it is called on NTFS in a distribution's root; made when somebody asks.
    private(set) lazy var onNtfs = PreparedName(WslfsMetadata.escape(text))
    fileprivate let hash: UInt64
    private let table: VfsNameTable

    fileprivate init(_ bytes: UnsafeRawBufferPointer, _ hash: UInt64, id: UInt64, _ table: VfsNameTable) {
        self.bytes = Array(bytes)
        self.hash = hash
        self.id = id
        self.table = table
        text = String(decoding: bytes, as: UTF8.self)
        kind =
            switch (bytes.count, bytes.first, bytes.last) {
            case (0, _, _): .empty
            case (1, UInt8(ascii: "."), _): .dot
            case (2, UInt8(ascii: "."), UInt8(ascii: ".")): .dotDot
            case (256..., _, _): .tooLong
            default: .ordinary
            }
    }

    deinit { table.remove(self) }

    /// Names an entry of a directory.
    var isOrdinary: Bool { kind == .ordinary || kind == .tooLong }
}

/// The names alive, by their bytes. Each takes itself out as it goes.
final class VfsNameTable {
    /// Open addressing with linear probing.
    private var slots = [Unmanaged<VfsName>?](repeating: nil, count: 256)
    private var count = 0
    private var lastID: UInt64 = 0

    func name(_ text: String) -> VfsName {
        var text = text
        return text.withUTF8 { name(UnsafeRawBufferPointer($0)) }
    }

    func name(_ bytes: UnsafeRawBufferPointer) -> VfsName {
        let hash = Self.hash(bytes)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while let known = slots[slot] {
            let found = known._withUnsafeGuaranteedRef { $0.hash == hash && Self.areEqual($0.bytes, bytes) }
            if found { return known.takeUnretainedValue() }
            slot = (slot + 1) & (slots.count - 1)
        }
        lastID += 1
        let made = VfsName(bytes, hash, id: lastID, self)
        slots[slot] = Unmanaged.passUnretained(made)
        count += 1
        if count * 2 > slots.count { grow() }
        return made
    }

    fileprivate func remove(_ name: VfsName) {
        let mask = slots.count - 1
        var hole = Int(truncatingIfNeeded: name.hash) & mask
        let gone = Unmanaged.passUnretained(name).toOpaque()
        while slots[hole]?.toOpaque() != gone { hole = (hole + 1) & mask }
        slots[hole] = nil
        count -= 1
        // What was pushed past the hole moves back into it.
        var next = (hole + 1) & mask
        while let other = slots[next] {
            let home = Int(truncatingIfNeeded: other._withUnsafeGuaranteedRef { $0.hash }) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                slots[hole] = other
                slots[next] = nil
                hole = next
            }
            next = (next + 1) & mask
        }
    }

    private func grow() {
        let old = slots
        slots = [Unmanaged<VfsName>?](repeating: nil, count: old.count * 2)
        for case let name? in old {
            var slot = Int(truncatingIfNeeded: name._withUnsafeGuaranteedRef { $0.hash }) & (slots.count - 1)
            while slots[slot] != nil { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = name
        }
    }

    /// Eight bytes at a time: names are told apart by it, and nobody gains from names that collide.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var index = 0
        while index + 8 <= bytes.count {
            hash = mixed(hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += 8
        }
        var rest: UInt64 = 0
        while index < bytes.count {
            rest = rest << 8 | UInt64(bytes[index])
            index += 1
        }
        return mixed(hash ^ rest)
    }

    @inline(__always)
    private static func mixed(_ value: UInt64) -> UInt64 {
        let product = value &* 0xD6E8_FEB8_6659_FD93
        return product ^ product >> 32
    }

    @inline(__always)
    static func areEqual(_ own: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
        guard own.count == other.count, let other = other.baseAddress else { return own.isEmpty && other.isEmpty }
        return own.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0, other, bytes.count) == 0 } ?? true
        }
    }
}
