// What opening /proc/<pid>/ns/<kind> gives: a file that setns takes.
import Engine
import LinuxABI

final class LxNamespaceInode: VfsInode {
    let namespace: LxNamespace

    init(_ namespace: LxNamespace, engine: WSL1Engine) {
        self.namespace = namespace
        super.init(superblock: engine.anonymous, mode: VfsKind.regular.rawValue | 0o444)
    }

    /// st_dev has major 0, one link, blocks of 4096 (UT:namespace.c).
    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = namespace.identifier
        return attributes
    }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        LxNamespaceFile(inode: self, namespace: namespace)
    }
}

final class LxNamespaceFile: VfsFile {
    let namespace: LxNamespace

    init(inode: VfsInode, namespace: LxNamespace) {
        self.namespace = namespace
        super.init(inode: inode)
    }

    override var linkText: String { namespace.linkText }
}
