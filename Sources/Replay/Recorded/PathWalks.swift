// Path walks that were made before, and the hashing of names.
import Glibc
import LinuxABI
import Tables

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
    private static let placesOfNames = 1 << 10
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
        let key = UInt(bitPattern: start) ^ (follow ? 1 : 0)
        return Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (placesOfNames - 1)
    }

    /// Which walk of the name at this place is known.
    @inline(__always)
    func known(_ start: UnsafeRawPointer, follow: Bool, generation: UInt64) -> Int? {
        let slot = Self.slot(start, follow)
        guard placed[slot].start == start, placed[slot].follow == follow, placed[slot].generation == generation
        else { return nil }
        return slot
    }

    /// Whether a known walk begins where a task's walk from a directory does.
    @inline(__always)
    func begins(_ known: Int, _ directory: Int32, in task: TaskState) -> Bool {
        if placed[known].isAbsolute { return task.directories.knownRoot === placed[known].base }
        if directory == Linux.atWorkingDirectory { return task.directories.knownWorking === placed[known].base }
        guard case .file(_, let name) = task.files.entries[directory]?.description.kind else { return false }
        return name === placed[known].base
    }

    /// Where a known walk leads.
    @inline(__always)
    func result(_ known: Int) -> PathName? { placed[known].result }

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
