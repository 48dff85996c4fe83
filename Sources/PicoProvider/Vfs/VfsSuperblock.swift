// Mounted file systems and the types that mount(2) knows.
import Engine
import LinuxABI

/// One instance of a file system. It may be mounted in several places.
class VfsSuperblock {
    /// `lxfs`, `wslfs`, `tmpfs`, `proc`: what /proc/mounts prints.
    final let type: String
    /// st_dev of its files.
    final let device: UInt64
    /// What /proc/mounts prints in the first column.
    final var source: String
    /// File system options as /proc/mounts prints them (`mode=755`), without the mount's own flags.
    final var options: String
    /// False: names come and go by themselves (procfs), so the provider asks at every lookup.
    final let cachesNames: Bool
    final var root: VfsInode?
    /// The entry of `root`; made by the provider.
    final var rootEntry: VfsEntry?
    /// Mounts that show this superblock; 0: gone.
    final var mountCount = 0
    /// Why a name that Linux has is missing here.
    final var absence: LxNote?

    init(type: String, device: UInt64, source: String, options: String = "", cachesNames: Bool = true) {
        self.type = type
        self.device = device
        self.source = source
        self.options = options
        self.cachesNames = cachesNames
    }

    func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics { VfsStatistics() }

    /// sync and syncfs: what is kept in memory goes to the volume.
    func flush(_ context: VfsContext) throws(LxFailure) {}

    /// MS_REMOUNT with new data.
    func remount(_ data: String, flags: UInt64, _ context: VfsContext) throws(LxFailure) {}

    /// The last mount of it is gone.
    func unmounted(_ context: VfsContext) {}
}

/// A type that mount(2) accepts; registered with ``WSL1Engine`` by name. Types that are not registered answer ENODEV.
protocol VfsFileSystemType: AnyObject {
    /// The third argument of mount(2).
    var name: String { get }

    /// Makes or finds a superblock. `root` of the result is set.
    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock
}
