// Path walk: components, `..` across mounts, symbolic links, permissions on the way, the caller's root.
import LinuxABI

struct VfsWalk {
    /// A directory and a last component that may not exist.
    struct Place {
        var directory: VfsLocation
        /// Empty for `/`; may be `.` or `..`.
        var name: VfsName
        var hasTrailingSlash: Bool
    }

    private static let maximumLinks = 40

    let context: VfsContext
    private let givenRoot: VfsLocation?
    /// Few walks come to it.
    var root: VfsLocation { givenRoot ?? context.thread.fs.root }
    private var links = 0

    init(_ context: VfsContext, root: VfsLocation? = nil) {
        self.context = context
        givenRoot = root
    }

    /// The place that `path` names. `follow`: a link as the last component is followed (always with a slash behind).
    mutating func resolve(_ path: VfsPath, from base: VfsLocation, follow: Bool) throws(LxFailure) -> VfsLocation {
        let directory = try directory(of: path, from: base)
        guard let name = path.components.last else { return directory }
        var found = try step(directory, name)
        if follow || path.hasTrailingSlash, found.inode.isSymbolicLink { found = try self.follow(found, in: directory) }
        if path.hasTrailingSlash, !found.inode.isDirectory { throw .errno(.ENOTDIR) }
        return found
    }

    /// Looks up the last component of a place.
    mutating func last(_ place: Place, follow: Bool) throws(LxFailure) -> VfsLocation {
        if place.name.kind == .empty { return place.directory }
        let found = try step(place.directory, place.name)
        guard follow, found.inode.isSymbolicLink else { return found }
        return try self.follow(found, in: place.directory)
    }

    /// Everything but the last component.
    mutating func parent(_ path: VfsPath, from base: VfsLocation) throws(LxFailure) -> Place {
        Place(
            directory: try directory(of: path, from: base),
            name: path.components.last ?? context.paths.noName,
            hasTrailingSlash: path.hasTrailingSlash
        )
    }

    private mutating func directory(of path: VfsPath, from base: VfsLocation) throws(LxFailure) -> VfsLocation {
        guard !path.isEmpty else { throw .errno(.ENOENT) }
        guard !path.isTooLong else { throw .errno(.ENAMETOOLONG) }
        var current = path.isAbsolute ? root : base
        let last = path.components.count - 1
        var index = 0
        while index < last {
            if descend(path, &current, &index, last) { break }
            current = try directory(current, path.components[index])
            index += 1
        }
        guard current.inode.isDirectory else { throw .errno(.ENOTDIR) }
        return current
    }

    /// Goes down over known names of directories where nothing is to be asked: no mount, no link, no capability.
    ///
    /// - Returns: whether it came to the end.
    private func descend(_ path: VfsPath, _ current: inout VfsLocation, _ index: inout Int, _ end: Int) -> Bool {
        let start = index
        var entry = Unmanaged.passUnretained(current.entry)
        while index < end {
            let key = path.keys[index]
            guard let next = entry._withUnsafeGuaranteedRef({ plainDirectory(key, in: $0) }) else { break }
            entry = next
            index += 1
        }
        if index > start { current.entry = entry.takeUnretainedValue() }
        return index == end
    }

    @inline(__always)
    private func plainDirectory(_ key: UInt64, in entry: VfsEntry) -> Unmanaged<VfsEntry>? {
        guard entry.inode.isDirectory, entry.inode.cachesNames, entry.inode.isPassable(context),
            let child = entry.borrowedChild(key)
        else { return nil }
        return child._withUnsafeGuaranteedRef { $0.mounts == 0 && $0.inode.isDirectory } ? child : nil
    }

    /// A component in the middle: links are followed, and it must be a directory.
    private mutating func directory(_ current: VfsLocation, _ name: VfsName) throws(LxFailure) -> VfsLocation {
        let next = try step(current, name)
        if next.inode.isDirectory { return next }
        guard next.inode.isSymbolicLink else { throw .errno(.ENOTDIR) }
        let target = try follow(next, in: current)
        guard target.inode.isDirectory else { throw .errno(.ENOTDIR) }
        return target
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
        return try resolve(context.paths.path(text), from: directory, follow: true)
    }

    /// One component below `current`, without following a link.
    func step(_ current: VfsLocation, _ name: VfsName) throws(LxFailure) -> VfsLocation {
        let inode = current.inode
        guard inode.isDirectory else { throw .errno(.ENOTDIR) }
        try inode.permission(VfsPermission.execute, context)
        switch name.kind {
        case .ordinary: break
        case .dot, .empty: return current
        case .dotDot: return parentDirectory(of: current)
        case .tooLong: throw .errno(.ENAMETOOLONG)
        }
        let entry = try Self.child(current.entry, name, context)
        if entry.mounts == 0 { return VfsLocation(mount: current.mount, entry: entry) }
        return Self.across(VfsLocation(mount: current.mount, entry: entry))
    }

    /// The entry of `name`, asked of the file system unless it is known.
    static func child(_ entry: VfsEntry, _ name: VfsName, _ context: VfsContext) throws(LxFailure) -> VfsEntry {
        let known = entry.child(name)
        if let known, entry.inode.cachesNames { return known }
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
        // From its end, as the way goes up; names are held by their entries, and these by those below them.
        var path = InlineArray<256, UInt8>(repeating: 0)
        var start = path.count
        var rest: [[UInt8]] = []
        var (mount, entry) = (location.mount, location.entry)
        while !(mount === root.mount && entry === root.entry) {
            if entry === mount.root {
                guard let point = mount.point else { return nil }
                (mount, entry) = (point.mount, point.entry)
                continue
            }
            guard let parent = entry.parent else { return nil }
            let name = entry.name.bytes
            if rest.isEmpty, name.count < start {
                start -= name.count + 1
                path[start] = UInt8(ascii: "/")
                for index in 0..<name.count { path[start + 1 + index] = name[index] }
            } else {
                rest.append(name)
            }
            entry = parent
        }
        if start == path.count, rest.isEmpty { return "/" }
        var text: [UInt8] = []
        for name in rest.reversed() {
            text.append(UInt8(ascii: "/"))
            text.append(contentsOf: name)
        }
        let end = path.count
        return withUnsafeBytes(of: &path) { bytes in
            let known = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            return text.isEmpty ? String(decoding: known, as: UTF8.self) : String(decoding: text + known, as: UTF8.self)
        }
    }
}
