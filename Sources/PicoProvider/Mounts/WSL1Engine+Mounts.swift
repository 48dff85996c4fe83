// The mount tree: making, copying and taking down mounts, and their propagation between peers.
import Engine
import LinuxABI

extension WSL1Engine {
    func makeMount(
        _ superblock: VfsSuperblock,
        root: VfsEntry,
        flags: UInt64,
        _ namespace: LxMountNamespace
    ) -> VfsMount {
        lastMount += 1
        return VfsMount(
            identifier: lastMount,
            superblock: superblock,
            root: root,
            point: nil,
            flags: flags,
            namespace: namespace
        )
    }

    func nextDevice() -> UInt64 {
        lastDevice += 1
        return lastDevice
    }

    func nextPeerGroup() -> Int {
        lastPeerGroup += 1
        return lastPeerGroup
    }

    /// The root entry of a superblock: one for all its mounts.
    func rootEntry(of superblock: VfsSuperblock) -> VfsEntry? {
        if let known = superblock.rootEntry { return known }
        guard let inode = superblock.root else { return nil }
        let entry = VfsEntry(name: paths.names.name("/"), parent: nil, inode: inode)
        superblock.rootEntry = entry
        return entry
    }

    /// CLONE_NEWNS: every mount again, in the same peer groups; cwd and root of `fs` move to the copies.
    func copyMounts(_ namespace: LxMountNamespace, _ fs: LxFsContext) -> LxMountNamespace {
        let copy = LxMountNamespace(identifier: nextNamespace())
        mountNamespaces.append(LxWeak(copy))
        var twins: [ObjectIdentifier: VfsMount] = [:]
        for mount in namespace.mounts {
            let twin = makeMount(mount.superblock, root: mount.root, flags: mount.flags, copy)
            twin.peerGroup = mount.peerGroup
            twin.master = mount.master
            twin.isUnbindable = mount.isUnbindable
            twins[ObjectIdentifier(mount)] = twin
            let point = mount.point.flatMap { place in
                twins[ObjectIdentifier(place.mount)].map { VfsLocation(mount: $0, entry: place.entry) }
            }
            // A mount below one that came later (pivot_root) is placed in the second pass.
            if mount.point != nil, point == nil { continue }
            copy.attach(twin, at: point)
        }
        for mount in namespace.mounts {
            guard let twin = twins[ObjectIdentifier(mount)], let place = mount.point, twin.point == nil,
                let parent = twins[ObjectIdentifier(place.mount)]
            else { continue }
            copy.attach(twin, at: VfsLocation(mount: parent, entry: place.entry))
        }
        if let root = namespace.root, let twin = twins[ObjectIdentifier(root)] { copy.setRoot(twin) }
        if let twin = twins[ObjectIdentifier(fs.root.mount)] { fs.root.mount = twin }
        if let twin = twins[ObjectIdentifier(fs.workingDirectory.mount)] { fs.workingDirectory.mount = twin }
        return copy
    }

    // MARK: - Propagation

    /// Every mount that must show what is mounted on `mount`: its peers, their slaves, and so on.
    private func receivers(of mount: VfsMount) -> [VfsMount] {
        guard let group = mount.peerGroup else { return [] }
        var groups = [group]
        var found: [VfsMount] = []
        var index = 0
        while index < groups.count {
            let current = groups[index]
            index += 1
            for namespace in mountNamespaces.compactMap(\.object) {
                for other in namespace.mounts where other !== mount && !found.contains(where: { $0 === other }) {
                    if other.peerGroup == current || other.master == current {
                        found.append(other)
                        if let own = other.peerGroup, !groups.contains(own) { groups.append(own) }
                    }
                }
            }
        }
        return found
    }

    /// Attaches `mount` at a place and, if the place is in a shared mount, at the same place of its peers.
    func attach(_ mount: VfsMount, at location: VfsLocation) {
        let peers = receivers(of: location.mount)
        if location.mount.peerGroup != nil, mount.peerGroup == nil, !mount.isUnbindable {
            mount.peerGroup = nextPeerGroup()
        }
        location.mount.namespace.attach(mount, at: location)
        for peer in peers where location.entry.isBelowOrSame(as: peer.root) {
            let twin = makeMount(mount.superblock, root: mount.root, flags: mount.flags, peer.namespace)
            if peer.peerGroup == location.mount.peerGroup {
                twin.peerGroup = mount.peerGroup
            } else {
                twin.master = mount.peerGroup
                if peer.peerGroup != nil { twin.peerGroup = nextPeerGroup() }
            }
            peer.namespace.attach(twin, at: VfsLocation(mount: peer, entry: location.entry))
        }
    }

    /// Takes a mount down, with what is mounted below it, here and at peers.
    func detach(_ mount: VfsMount, _ context: VfsContext, propagates: Bool = true) {
        if propagates, let point = mount.point {
            for peer in receivers(of: point.mount) {
                let place = VfsLocation(mount: peer, entry: point.entry)
                guard let twin = peer.namespace.mount(at: place), twin.superblock === mount.superblock else { continue }
                detach(twin, context, propagates: false)
            }
        }
        for child in mount.namespace.children(of: mount) { detach(child, context, propagates: false) }
        mount.namespace.detach(mount)
        mount.superblock.mountCount -= 1
        if mount.superblock.mountCount == 0 { mount.superblock.unmounted(context) }
    }

    /// Whether a file, a working directory or a child mount keeps the mount busy.
    func isBusy(_ mount: VfsMount) -> Bool {
        if !mount.namespace.children(of: mount).isEmpty { return true }
        for case let thread? in threads where !thread.isDead {
            if thread.fs.root.mount === mount || thread.fs.workingDirectory.mount === mount { return true }
            if thread.group.executableLocation?.mount === mount { return true }
            for case let file? in thread.files.files where file.location?.mount === mount { return true }
        }
        return false
    }
}

/// A reference that does not keep its object.
struct LxWeak<Object: AnyObject> {
    weak var object: Object?

    init(_ object: Object) { self.object = object }
}
