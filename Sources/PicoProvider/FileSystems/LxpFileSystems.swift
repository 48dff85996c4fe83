// The file system types of lxcore (features.tsv, family mount).
import LinuxABI
import NTKernel

enum LxpFileSystems {
    /// Types that came after the first release, by build; of overlay and cgroup only a bracket is known (README.md).
    static let firstBuilds = [
        "drvfs": 16176, "overlay": 17134, "binfmt_misc": 14951, "cgroup": 15063, "devpts": 0,
    ]

    /// What mount(2) knows; other names answer ENODEV. The root's type is mounted at boot only.
    static func types(_ machine: LxMachine, root: String) -> [any VfsFileSystemType] {
        let kernel = machine.kernel
        return [
            WslfsFileSystem(name: root, nt: kernel), TmpfsFileSystem(nt: kernel), ProcFileSystem(), SysFileSystem(),
            DevptsFileSystem(), LxCgroupFileSystem(), BinfmtFileSystem(), DrvfsFileSystem(machine),
            OverlayFileSystem(),
        ]
    }
}
