// Directory entries and places: a name in a directory, seen through a mount.
import Tables

/// A name bound to an inode; the chain of parents gives `..`, getcwd and mount points their identity.
final class VfsEntry {
    /// `/` for the root of a superblock.
    private(set) var name: VfsName
    /// nil for the root of a superblock and for a name that was removed while in use.
    private(set) var parent: VfsEntry?
    let inode: VfsInode
    /// Names seen so far, of a file system that caches names; by the names' ids. Each is held, by hand: a walk goes
    /// over them without a count for every step.
    private var children = IntegerTable<Unmanaged<VfsEntry>>()
    /// How many mounts of all namespaces stand on it.
    var mounts = 0
    /// The name was removed: `/proc/self/cwd` and getcwd say so.
    private(set) var isDeleted = false

    init(name: VfsName, parent: VfsEntry?, inode: VfsInode) {
        self.name = name
        self.parent = parent
        self.inode = inode
    }

    deinit {
        guard !children.isEmpty else { return }
        for (_, child) in children { child.release() }
    }

    var isRoot: Bool { parent == nil && !isDeleted }

    @inline(__always)
    func child(_ name: VfsName) -> VfsEntry? { children[name.id]?.takeUnretainedValue() }

    /// The same by the name's id, for who holds this entry for as long as it uses the child.
    @inline(__always)
    func borrowedChild(_ key: UInt64) -> Unmanaged<VfsEntry>? { children[key] }

    /// Entries seen so far, in no particular order.
    var known: [VfsEntry] { children.map { $0.value.takeUnretainedValue() } }

    func adopt(_ name: VfsName, _ inode: VfsInode) -> VfsEntry {
        let entry = VfsEntry(name: name, parent: self, inode: inode)
        let previous = children[name.id]
        children[name.id] = Unmanaged.passRetained(entry)
        previous?.release()
        return entry
    }

    /// The name is gone; whoever holds the entry keeps the file.
    func remove(_ name: VfsName) {
        guard let entry = children.remove(name.id)?.takeRetainedValue() else { return }
        entry.isDeleted = true
    }

    func move(_ name: VfsName, to newParent: VfsEntry, _ newName: VfsName) {
        newParent.remove(newName)
        guard let child = children.remove(name.id) else { return }
        let entry = child.takeUnretainedValue()
        entry.name = newName
        entry.parent = newParent
        newParent.children[newName.id] = child
    }

    func isBelowOrSame(as other: VfsEntry) -> Bool {
        var current: VfsEntry? = self
        while let entry = current {
            if entry === other { return true }
            current = entry.parent
        }
        return false
    }
}

/// A place: an entry as seen through a mount.
struct VfsLocation {
    var mount: VfsMount
    var entry: VfsEntry

    var inode: VfsInode { entry.inode }

    static func == (left: Self, right: Self) -> Bool { left.mount === right.mount && left.entry === right.entry }
}
