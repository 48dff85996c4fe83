// Absolute paths as objects: looked up once, then compared and followed by identity.
import Glibc
import LinuxABI
import Tables

/// One absolute path of the recorded world, and what it names now. There is one object for each path.
final class PathName {
    let text: String
    /// What the name is now; nil while no call has told. Set through ``RecordedFiles`` only.
    var state: RecordedFiles.Name?
    /// It lies in a directory that the engine serves itself.
    let isEngineServed: Bool
    /// The directory it is in; nil for the root, and for what is no plain absolute path.
    let parent: PathName?
    /// Walks that start here may go by components.
    let isPlain: Bool
    /// The last component, and its hash.
    private let component: [UInt8]
    private let key: UInt64
    private var children = IntegerTable<PathName>()

    /// - Parameter component: the last component of `text`.
    init(_ text: String, in parent: PathName?, component: [UInt8], isEngineServed: Bool) {
        self.text = text
        self.parent = parent
        self.component = component
        self.isEngineServed = isEngineServed
        isPlain = parent != nil || text == "/"
        key = PathWalks.key(component[...])
    }

    /// Takes its place below its directory.
    ///
    /// - Returns: false when it has none, or another name with the same hash stands there.
    func joinParent() -> Bool {
        guard let parent, parent.children[key] == nil else { return false }
        parent.children[key] = self
        return true
    }

    /// - Returns: false when it did not stand there.
    func leaveParent() -> Bool {
        guard let parent, parent.children[key] === self else { return false }
        parent.children.remove(key)
        return true
    }

    var hasChildren: Bool { !children.isEmpty }

    /// The name of a component below this one, if it was looked at before.
    func child(_ name: ArraySlice<UInt8>) -> PathName? { name.withUnsafeBytes(child) }

    @inline(__always)
    func child(_ name: UnsafeRawBufferPointer) -> PathName? {
        guard let child = children[PathWalks.key(name)], PathWalks.equal(child.component, name) else { return nil }
        return child
    }

    /// Everything below it, each directory before what is in it.
    func visitBelow(_ body: (PathName) -> Void) {
        for (_, child) in children {
            body(child)
            child.visitBelow(body)
        }
    }

    var node: FileNode? {
        if case .node(let node) = state { return node }
        return nil
    }
}

/// The resolved path arguments of a call, in order; those that could not be resolved are left out.
struct PathNames {
    private(set) var first: PathName?
    private(set) var second: PathName?

    var count: Int { first == nil ? 0 : second == nil ? 1 : 2 }

    mutating func append(_ name: PathName?) {
        guard let name else { return }
        if first == nil { first = name } else { second = name }
    }

    @inline(__always)
    func visit(_ body: (PathName) -> Void) {
        if let first { body(first) }
        if let second { body(second) }
    }
}

/// Answers of path walks that hold until a symbolic link appears, changes or goes.
struct PathWalks {
    final class Walk {
        fileprivate let base: PathName
        fileprivate let name: [UInt8]
        fileprivate let follow: Bool
        let result: PathName?

        fileprivate init(_ name: ArraySlice<UInt8>, below base: PathName, follow: Bool, result: PathName?) {
            self.base = base
            self.name = Array(name)
            self.follow = follow
            self.result = result
        }
    }
    /// A walk by a name that stands at the beginning of an array, which is the key: equal memory of calls is one array.
    private struct Placed {
        var bytes: [UInt8] = []
        var start: UnsafeRawPointer?
        var follow = false
        var isAbsolute = false
        var generation: UInt64 = 0
        var base: PathName?
        var result: PathName?
    }
    private var walks = IntegerTable<Walk>()
    private var placed = [Placed](repeating: Placed(), count: placesOfNames)
    private static let placesOfNames = 1 << 9
    private static let longestPlaced = 1 << 8
    private var generation: UInt64 = 0
    /// More than this are forgotten together: a workload that never comes back to a name needs no memory of it.
    private static let limit = 1 << 15

    /// The walk of `name` below `base`, if it is known.
    mutating func answer(
        _ name: ArraySlice<UInt8>,
        below base: PathName,
        follow: Bool,
        generation current: UInt64
    ) -> Walk? {
        if current != generation || walks.count > Self.limit {
            walks.removeAll()
            generation = current
        }
        guard let walk = walks[Self.key(name, ObjectIdentifier(base), follow)], walk.base === base,
            walk.follow == follow, Self.equal(walk.name, name)
        else { return nil }
        return walk
    }

    mutating func forget() {
        walks.removeAll()
        placed = [Placed](repeating: Placed(), count: Self.placesOfNames)
    }

    /// Where a name is that is the beginning of a call's last memory, so that the array alone tells it.
    @inline(__always)
    static func place(of address: UInt64, in memory: MemoryChunks) -> UnsafeRawPointer? {
        let last = memory.chunks.count - 1
        guard last >= 0, memory.chunks[last].address == address, address != 0 else { return nil }
        return memory.chunks[last].bytes.withUnsafeBytes { $0.baseAddress }
    }

    @inline(__always)
    private static func slot(_ start: UnsafeRawPointer, _ follow: Bool) -> Int {
        (Int(bitPattern: start) >> 4 ^ (follow ? 1 : 0)) & (placesOfNames - 1)
    }

    /// Whether the name at this place is a path from the root; nil: its walk is not known.
    @inline(__always)
    func isAbsolute(_ start: UnsafeRawPointer, follow: Bool, generation: UInt64) -> Bool? {
        let slot = Self.slot(start, follow)
        guard placed[slot].start == start, placed[slot].follow == follow, placed[slot].generation == generation
        else { return nil }
        return placed[slot].isAbsolute
    }

    /// The walk below `base` of a name for which ``isAbsolute(_:follow:generation:)`` is known.
    @inline(__always)
    func result(_ start: UnsafeRawPointer, follow: Bool, below base: PathName) -> (name: PathName?, Void)? {
        let slot = Self.slot(start, follow)
        return placed[slot].base === base ? (placed[slot].result, ()) : nil
    }

    /// Keeps the walk of a name at a place.
    mutating func keep(
        _ result: PathName?,
        at start: UnsafeRawPointer,
        _ bytes: [UInt8],
        below base: PathName,
        follow: Bool,
        generation: UInt64
    ) {
        guard bytes.count <= Self.longestPlaced else { return }
        placed[Self.slot(start, follow)] = Placed(
            bytes: bytes,
            start: start,
            follow: follow,
            isAbsolute: bytes.first == UInt8(ascii: "/"),
            generation: generation,
            base: base,
            result: result
        )
    }

    /// A hash of a path.
    static func key(of path: String) -> UInt64 {
        var path = path
        return path.withUTF8 { key(UnsafeRawBufferPointer($0)) }
    }

    mutating func keep(_ result: PathName?, of name: ArraySlice<UInt8>, below base: PathName, follow: Bool) {
        walks[Self.key(name, ObjectIdentifier(base), follow)] =
            Walk(name, below: base, follow: follow, result: result)
    }

    @inline(__always)
    static func equal(_ left: [UInt8], _ right: ArraySlice<UInt8>) -> Bool { right.withUnsafeBytes { equal(left, $0) } }

    @inline(__always)
    static func equal(_ left: [UInt8], _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        return left.withUnsafeBytes { left in
            guard let one = left.baseAddress, let other = right.baseAddress else { return true }
            return memcmp(one, other, left.count) == 0
        }
    }

    @inline(__always)
    private static func key(_ name: ArraySlice<UInt8>, _ base: ObjectIdentifier, _ follow: Bool) -> UInt64 {
        key(name, seed: UInt64(UInt(bitPattern: base)) ^ (follow ? 0x5bd1_e995 : 0))
    }

    @inline(__always)
    static func key(_ name: ArraySlice<UInt8>, seed: UInt64 = 0) -> UInt64 {
        name.withUnsafeBytes { key($0, seed: seed) }
    }

    @inline(__always)
    static func key(_ name: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var hash = seed
        var offset = 0
        while offset + 8 <= name.count {
            hash = (hash ^ name.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9FB2_1C65_1E98_DF25
            hash ^= hash >> 32
            offset += 8
        }
        while offset < name.count {
            hash = (hash ^ UInt64(name[offset])) &* 0x100_0000_01b3
            offset += 1
        }
        return hash ^ hash >> 29
    }
}
