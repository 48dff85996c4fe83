// The file system types of lxcore (features.tsv, family mount).
import LinuxABI
import NTKernel

enum LxpFileSystems {
    /// Types that came after the first release, by build; of overlay and cgroup only a bracket is known (README.md).
    static let firstBuilds = [
        "drvfs": 16176, "overlay": 17134, "binfmt_misc": 14951, "cgroup": 15063, "devpts": 0,
    ]

    /// What mount(2) knows; other names answer ENODEV. The root's type is mounted at boot only.
    static func types(_ kernel: NTExecutive, root: String) -> [any VfsFileSystemType] {
        [
            WslfsFileSystem(name: root, nt: kernel), TmpfsFileSystem(nt: kernel), ProcFileSystem(), SysFileSystem(),
            DevptsFileSystem(), LxCgroupFileSystem(), BinfmtFileSystem(), DrvfsFileSystem(nt: kernel),
            UnmodelledFileSystem("overlay"),
        ]
    }
}

/// A type that WSL 1 mounts and our model does not have.
final class UnmodelledFileSystem: VfsFileSystemType {
    let name: String

    init(_ name: String) { self.name = name }

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        throw .notModelled("WSL 1 mounts \(name); our model of it does not")
    }
}
