// Paths as the provider takes them from a call: cut into names once, and kept for the next call that has them.
import Glibc

/// A path in its components.
final class VfsPath {
    var text: String { String(decoding: storage, as: UTF8.self) }
    /// Without empty ones.
    let components: [VfsName]
    /// Their ids; 0 for what is no ordinary name.
    let keys: [UInt64]
    let isEmpty: Bool
    let isAbsolute: Bool
    /// A slash behind the last component.
    let hasTrailingSlash: Bool
    /// As long as PATH_MAX or longer.
    let isTooLong: Bool
    /// Its own: compared at every look-up, and so without the count of an array.
    private let storage: UnsafeMutableRawBufferPointer
    fileprivate let hash: UInt64

    fileprivate init(_ bytes: UnsafeRawBufferPointer, _ hash: UInt64, _ names: VfsNameTable) {
        let slash = UInt8(ascii: "/")
        storage = .allocate(byteCount: bytes.count, alignment: 1)
        storage.copyMemory(from: bytes)
        self.hash = hash
        isEmpty = bytes.isEmpty
        isAbsolute = bytes.first == slash
        isTooLong = bytes.count >= 4096
        var components: [VfsName] = []
        var index = 0
        while true {
            while index < bytes.count, bytes[index] == slash { index += 1 }
            guard index < bytes.count else { break }
            let start = index
            while index < bytes.count, bytes[index] != slash { index += 1 }
            components.append(names.name(UnsafeRawBufferPointer(rebasing: bytes[start..<index])))
        }
        self.components = components
        keys = components.map { $0.kind == .ordinary ? $0.id : 0 }
        hasTrailingSlash = !components.isEmpty && bytes.last == slash
    }

    deinit { storage.deallocate() }

    @inline(__always)
    fileprivate func has(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == storage.count, let other = bytes.baseAddress, let own = storage.baseAddress else {
            return bytes.isEmpty && storage.isEmpty
        }
        return memcmp(own, other, bytes.count) == 0
    }
}

/// Paths seen last, one for each remainder of their hashes: a program asks for the same ones again and again.
final class VfsPathTable {
    let names = VfsNameTable()
    /// The name behind the last slash of `/`.
    private(set) lazy var noName = names.name("")
    private static let size = 1 << 13
    private let recent = UnsafeMutablePointer<VfsPath?>.allocate(capacity: size)

    init() { recent.initialize(repeating: nil, count: Self.size) }

    deinit {
        recent.deinitialize(count: Self.size)
        recent.deallocate()
    }

    func path(_ text: String) -> VfsPath {
        var text = text
        return text.withUTF8 { path(UnsafeRawBufferPointer($0)) }
    }

    func path(_ bytes: UnsafeRawBufferPointer) -> VfsPath {
        let hash = VfsNameTable.hash(bytes)
        let slot = Int(truncatingIfNeeded: hash) & (Self.size - 1)
        if let known = recent[slot], known.hash == hash, known.has(bytes) { return known }
        let made = VfsPath(bytes, hash, names)
        recent[slot] = made
        return made
    }
}
