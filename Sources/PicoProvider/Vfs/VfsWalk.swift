// Path walk: components, `..` across mounts, symbolic links, permissions on the way, the caller's root.
import LinuxABI

struct VfsWalk {
    /// A directory and a last component that may not exist.
    struct Place {
        var directory: VfsLocation
        /// Empty for `/`; may be `.` or `..`.
        var name: String
        var hasTrailingSlash: Bool
    }

    private static let maximumLinks = 40
    private static let maximumName = 255

    let context: VfsContext
    let root: VfsLocation
    private var links = 0

    init(_ context: VfsContext, root: VfsLocation? = nil) {
        self.context = context
        self.root = root ?? context.thread.fs.root
    }

    /// The place that `path` names. `follow`: a link as the last component is followed (always with a slash behind).
    mutating func resolve(_ path: String, from base: VfsLocation, follow: Bool) throws(LxFailure) -> VfsLocation {
        let place = try parent(path, from: base)
        let found = try last(place, follow: follow || place.hasTrailingSlash)
        if place.hasTrailingSlash, !found.inode.isDirectory { throw .errno(.ENOTDIR) }
        return found
    }

    /// Looks up the last component of a place.
    mutating func last(_ place: Place, follow: Bool) throws(LxFailure) -> VfsLocation {
        if place.name.isEmpty { return place.directory }
        let found = try step(place.directory, place.name)
        guard follow, found.inode.isSymbolicLink else { return found }
        return try self.follow(found, in: place.directory)
    }

    /// Everything but the last component.
    mutating func parent(_ path: String, from base: VfsLocation) throws(LxFailure) -> Place {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty else { throw .errno(.ENOENT) }
        guard bytes.count < 4096 else { throw .errno(.ENAMETOOLONG) }
        let slash = UInt8(ascii: "/")
        var current = bytes[0] == slash ? root : base
        var index = 0
        var name = ""
        while true {
            while index < bytes.count, bytes[index] == slash { index += 1 }
            guard index < bytes.count else { break }
            if !name.isEmpty { current = try directory(current, name) }
            let start = index
            while index < bytes.count, bytes[index] != slash { index += 1 }
            name = String(decoding: bytes[start..<index], as: UTF8.self)
        }
        guard current.inode.isDirectory else { throw .errno(.ENOTDIR) }
        return Place(directory: current, name: name, hasTrailingSlash: !name.isEmpty && bytes.last == slash)
    }

    /// A component in the middle: links are followed, and it must be a directory.
    private mutating func directory(_ current: VfsLocation, _ name: String) throws(LxFailure) -> VfsLocation {
        var next = try step(current, name)
        if next.inode.isSymbolicLink { next = try follow(next, in: current) }
        guard next.inode.isDirectory else { throw .errno(.ENOTDIR) }
        return next
    }

    private mutating func follow(_ link: VfsLocation, in directory: VfsLocation) throws(LxFailure) -> VfsLocation {
        links += 1
        guard links <= Self.maximumLinks else { throw .errno(.ELOOP) }
        if let target = try link.inode.followLink(context) {
            switch target {
            case .location(let location): return location
            case .inode(let inode):
                return VfsLocation(
                    mount: link.mount,
                    entry: VfsEntry(name: link.entry.name, parent: nil, inode: inode)
                )
            }
        }
        let text = try link.inode.readLink(context)
        return try resolve(text, from: directory, follow: true)
    }

    /// One component below `current`, without following a link.
    func step(_ current: VfsLocation, _ name: String) throws(LxFailure) -> VfsLocation {
        let inode = current.inode
        guard inode.isDirectory else { throw .errno(.ENOTDIR) }
        try inode.permission(VfsPermission.execute, context)
        if name == "." { return current }
        if name == ".." { return parentDirectory(of: current) }
        guard name.utf8.count <= Self.maximumName else { throw .errno(.ENAMETOOLONG) }
        return Self.across(VfsLocation(mount: current.mount, entry: try Self.child(current.entry, name, context)))
    }

    /// The entry of `name`, asked of the file system unless it is known.
    static func child(_ entry: VfsEntry, _ name: String, _ context: VfsContext) throws(LxFailure) -> VfsEntry {
        let known = entry.child(name)
        if let known, entry.inode.superblock.cachesNames { return known }
        let inode = try entry.inode.lookup(name, context)
        if let known, known.inode === inode { return known }
        return entry.adopt(name, inode)
    }

    /// Into whatever is mounted there.
    static func across(_ location: VfsLocation) -> VfsLocation {
        var location = location
        while let mount = location.mount.mount(on: location.entry) {
            location = VfsLocation(mount: mount, entry: mount.root)
        }
        return location
    }

    private func parentDirectory(of location: VfsLocation) -> VfsLocation {
        var current = location
        while true {
            if current == root { return current }
            if current.entry === current.mount.root {
                guard let point = current.mount.point else { return current }
                current = point
                continue
            }
            guard let parent = current.entry.parent else { return current }
            return Self.across(VfsLocation(mount: current.mount, entry: parent))
        }
    }

    // MARK: - Names of places

    /// The absolute path of a place as seen from `root`; nil when it cannot be reached from there.
    static func path(of location: VfsLocation, root: VfsLocation) -> String? {
        var names: [String] = []
        var current = location
        while !(current == root) {
            if current.entry === current.mount.root {
                guard let point = current.mount.point else {
                    return nil
                }
                current = point
                continue
            }
            guard let parent = current.entry.parent else { return nil }
            names.append(current.entry.name)
            current = VfsLocation(mount: current.mount, entry: parent)
        }
        return names.isEmpty ? "/" : "/" + names.reversed().joined(separator: "/")
    }
}
