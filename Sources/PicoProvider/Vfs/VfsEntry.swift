// Directory entries and places: a name in a directory, seen through a mount.
import Tables

/// A name bound to an inode; the chain of parents gives `..`, getcwd and mount points their identity.
final class VfsEntry {
    /// `/` for the root of a superblock.
    private(set) var name: VfsName
    /// nil for the root of a superblock and for a name that was removed while in use.
    private(set) var parent: VfsEntry?
    let inode: VfsInode
    /// Names seen so far, of a file system that caches names; by the names' ids.
    private var children = IntegerTable<VfsEntry>()
    /// How many mounts of all namespaces stand on it.
    var mounts = 0
    /// The name was removed: `/proc/self/cwd` and getcwd say so.
    private(set) var isDeleted = false

    init(name: VfsName, parent: VfsEntry?, inode: VfsInode) {
        self.name = name
        self.parent = parent
        self.inode = inode
    }

    var isRoot: Bool { parent == nil && !isDeleted }

    @inline(__always)
    func child(_ name: VfsName) -> VfsEntry? { children[name.id] }

    /// Entries seen so far, in no particular order.
    var known: [VfsEntry] { children.map(\.value) }

    func adopt(_ name: VfsName, _ inode: VfsInode) -> VfsEntry {
        let entry = VfsEntry(name: name, parent: self, inode: inode)
        children[name.id] = entry
        return entry
    }

    /// The name is gone; whoever holds the entry keeps the file.
    func remove(_ name: VfsName) {
        guard let entry = children.remove(name.id) else { return }
        entry.isDeleted = true
    }

    func move(_ name: VfsName, to newParent: VfsEntry, _ newName: VfsName) {
        newParent.remove(newName)
        guard let entry = children.remove(name.id) else { return }
        entry.name = newName
        entry.parent = newParent
        newParent.children[newName.id] = entry
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
