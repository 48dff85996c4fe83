// A mount namespace: the tree of mounts that its members see.

final class LxMountNamespace: LxNamespace {
    struct Point: Hashable {
        let mount: ObjectIdentifier
        let entry: ObjectIdentifier
    }

    /// How mounts refer to their namespace, which may go before them: cheaper than a weak reference at each step of a walk.
    final class Link {
        fileprivate(set) unowned(unsafe) var namespace: LxMountNamespace?
    }

    let link = Link()

    /// In the order of mounting; the first is the root.
    private(set) var mounts: [VfsMount] = []
    /// The topmost mount at each mount point.
    private var topmost: [Point: [VfsMount]] = [:]
    var root: VfsMount?

    init(identifier: UInt64) {
        super.init(kind: .mnt, identifier: identifier)
        link.namespace = self
    }

    deinit { link.namespace = nil }

    static func point(_ location: VfsLocation) -> Point {
        Point(mount: ObjectIdentifier(location.mount), entry: ObjectIdentifier(location.entry))
    }

    /// What is mounted on the place, topmost.
    func mount(at location: VfsLocation) -> VfsMount? {
        topmost.isEmpty ? nil : topmost[Self.point(location)]?.last
    }

    func attach(_ mount: VfsMount, at location: VfsLocation?) {
        mount.namespace = self
        mount.point = location
        mounts.append(mount)
        if let location {
            topmost[Self.point(location), default: []].append(mount)
            location.entry.mounts += 1
        } else {
            root = mount
        }
    }

    func detach(_ mount: VfsMount) {
        if let location = mount.point {
            let point = Self.point(location)
            topmost[point]?.removeAll { $0 === mount }
            if topmost[point]?.isEmpty == true { topmost[point] = nil }
            location.entry.mounts -= 1
        }
        mounts.removeAll { $0 === mount }
    }

    /// Puts `mount` at the bottom of the tree.
    func setRoot(_ mount: VfsMount) {
        root = mount
        mount.point = nil
    }

    func children(of mount: VfsMount) -> [VfsMount] { mounts.filter { $0.point?.mount === mount } }

    func isMountPoint(_ entry: VfsEntry) -> Bool { mounts.contains { $0.point?.entry === entry } }
}
