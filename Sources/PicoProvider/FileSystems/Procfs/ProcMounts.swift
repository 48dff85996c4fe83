// mounts, mountinfo and mountstats: the reader's mount namespace, as its root shows it.
import LinuxABI

enum ProcMounts {
    private static let words: [(UInt64, String)] = [
        (ABI.constant("MS_NOSUID"), "nosuid"), (ABI.constant("MS_NODEV"), "nodev"),
        (ABI.constant("MS_NOEXEC"), "noexec"), (ABI.constant("MS_NOATIME"), "noatime"),
        (ABI.constant("MS_NODIRATIME"), "nodiratime"), (ABI.constant("MS_RELATIME"), "relatime"),
    ]
    private static let readOnly = ABI.constant("MS_RDONLY")

    /// `/dev/sda1 / ext4 rw,relatime 0 0`.
    static func table(_ context: VfsContext) -> String {
        visible(context).map { mount, point in
            let superblock = mount.superblock
            let options = [flags(mount), superblock.options].filter { !$0.isEmpty }.joined(separator: ",")
            return "\(escape(superblock.source)) \(escape(point)) \(superblock.type) \(escape(options)) 0 0\n"
        }.joined()
    }

    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext4 /dev/root rw,errors=continue` (proc(5)).
    static func information(_ context: VfsContext) -> String {
        visible(context).map { mount, point in
            let superblock = mount.superblock
            let number = LxDeviceNumber(superblock.device)
            let device = "\(number.major):\(number.minor)"
            let parent = mount.point?.mount.identifier ?? mount.identifier
            let own = [mount.flags & readOnly != 0 ? "ro" : "rw", superblock.options].filter { !$0.isEmpty }
            let fields = [
                "\(mount.identifier) \(parent) \(device) \(escape(root(of: mount))) \(escape(point))", flags(mount),
            ]
            let tail = "- \(superblock.type) \(escape(superblock.source)) \(escape(own.joined(separator: ",")))\n"
            return (fields + propagation(mount) + [tail]).joined(separator: " ")
        }.joined()
    }

    static func statistics(_ context: VfsContext) -> String {
        visible(context).map { mount, point in
            "device \(escape(mount.superblock.source)) mounted on \(escape(point)) with fstype \(mount.superblock.type)\n"
        }.joined()
    }

    private static func propagation(_ mount: VfsMount) -> [String] {
        [mount.peerGroup.map { "shared:\($0)" }, mount.master.map { "master:\($0)" }].compactMap { $0 }
            + (mount.isUnbindable ? ["unbindable"] : [])
    }

    private static func visible(_ context: VfsContext) -> [(VfsMount, String)] {
        let root = context.thread.fs.root
        return context.thread.namespaces.mount.mounts.compactMap { mount in
            let place = VfsLocation(mount: mount, entry: mount.root)
            return VfsWalk.path(of: place, root: root).map { (mount, $0) }
        }
    }

    private static func flags(_ mount: VfsMount) -> String {
        ([mount.flags & readOnly != 0 ? "ro" : "rw"] + words.filter { mount.flags & $0.0 != 0 }.map(\.1))
            .joined(separator: ",")
    }

    /// Path of the mounted directory inside its own file system.
    private static func root(of mount: VfsMount) -> String {
        var names: [String] = []
        var entry = mount.root
        while let parent = entry.parent {
            names.append(entry.name.text)
            entry = parent
        }
        return "/" + names.reversed().joined(separator: "/")
    }

    /// Spaces and the like become octal (RN:17093).
    private static func escape(_ text: String) -> String {
        guard text.utf8.contains(where: { " \t\n\\".utf8.contains($0) }) else { return text }
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: " "): result += Array("\\040".utf8)
            case UInt8(ascii: "\t"): result += Array("\\011".utf8)
            case UInt8(ascii: "\n"): result += Array("\\012".utf8)
            case UInt8(ascii: "\\"): result += Array("\\134".utf8)
            default: result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
