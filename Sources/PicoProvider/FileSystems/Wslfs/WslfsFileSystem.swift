// The type of the distribution's root.
import LinuxABI
import NTKernel

/// `wslfs`, or `lxfs` in distributions made before 1903: every mount is a volume of its own.
final class WslfsFileSystem: VfsFileSystemType {
    let name: String
    private let nt: NTExecutive

    init(name: String, nt: NTExecutive) {
        self.name = name
        self.nt = nt
    }

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        guard !context.isCall else { throw .notModelled("mount(2) of type \(name)") }
        let volume = nt.IoMountVolume(label: "Windows")
        let mode = VfsKind.directory.rawValue | 0o755
        let device = context.engine.nextDevice()
        guard name == LxfsSuperblock.name else {
            volume.installRoot(
                times: nil,
                extendedAttributes: WslfsMetadata.attributes(mode: mode, uid: 0, gid: 0),
                isCaseSensitive: true
            )
            return try WslfsSuperblock(nt: nt, volume: volume, type: name, source: source, device: device)
        }
        volume.installRoot(
            times: nil,
            extendedAttributes: [LxfsAttributes(mode: mode, uid: 0, gid: 0, time: context.now).extendedAttribute],
            isCaseSensitive: true
        )
        return try LxfsSuperblock(nt: nt, volume: volume, type: name, source: source, device: device)
    }
}
