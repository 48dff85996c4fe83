// The root file system of a distribution: wslfs on an NTFS volume, reached by kernel handles only.
import LinuxABI
import NTKernel

class WslfsSuperblock: VfsSuperblock {
    /// f_type, as seen with the two counts of files (GH:3451).
    static let magic: UInt64 = 0x5346_4846

    let nt: NTExecutive
    let volume: NtfsVolume
    /// The volume's root directory, held for as long as it is mounted: opens by file reference start here.
    let volumeHandle: Handle
    private let inodes = WslfsInodeTable()
    /// st_ino where the environment offered one; else the file reference itself.
    private var numbers: [UInt64: UInt64] = [:]
    private var usedNumbers: Set<UInt64> = []
    /// No source gives the size of a WSL 1 directory: the environment's stay.
    var directorySizes: [UInt64: Int64] = [:]

    /// Mounts `volume`; the root directory gets the owner and mode of `/`.
    init(
        nt: NTExecutive,
        volume: NtfsVolume,
        type: String = "wslfs",
        source: String = "rootfs",
        options: String = "",
        device: UInt64,
        cachesNames: Bool = true
    ) throws(LxFailure) {
        self.nt = nt
        self.volume = volume
        var handle = Handle.null
        var block = IoStatusBlock()
        let status = nt.NtCreateFile(
            &handle,
            access: .fileAllAccess,
            attributes: ObjectAttributes(name: volume.device.objectName ?? ""),
            status: &block,
            disposition: .open,
            options: .directoryFile
        )
        volumeHandle = handle
        super.init(type: type, device: device, source: source, options: options, cachesNames: cachesNames)
        try LxpStatus.check(status)
        root = inode(FileStatLxInformation(volume.root))
    }

    // MARK: - Inodes

    /// The one object for a file; its mode and owner are brought up to date.
    func inode(_ information: FileStatLxInformation) -> WslfsInode {
        if let known = inodes[information.fileID] {
            known.update(information)
            return known
        }
        let made = makeInode(information)
        inodes.insert(made)
        return made
    }

    func makeInode(_ information: FileStatLxInformation) -> WslfsInode {
        WslfsInode(superblock: self, information)
    }

    func number(_ fileID: UInt64) -> UInt64 { numbers[fileID] ?? fileID & 0xFFFF_FFFF_FFFF }

    /// Takes an offered number if no other file has it.
    func setNumber(_ fileID: UInt64, _ offered: UInt64?) {
        guard let offered, offered != 0, usedNumbers.insert(offered).inserted else { return }
        numbers[fileID] = offered
    }

    /// The file is gone; its number may be offered again.
    func dropNumber(_ fileID: UInt64) {
        if let number = numbers.removeValue(forKey: fileID) { usedNumbers.remove(number) }
        directorySizes[fileID] = nil
    }

    // MARK: - Volume

    /// Through a handle to the volume, which flushes all of its files.
    override func flush(_ context: VfsContext) throws(LxFailure) {
        try LxpStatus.check(nt.NtFlushBuffersFile(volumeHandle))
    }

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var information: FileFsInformation?
        try LxpStatus.check(nt.NtQueryVolumeInformationFile(volumeHandle, &information))
        var statistics = VfsStatistics()
        guard let information else { return statistics }
        statistics.type = Self.magic
        statistics.files = 999
        statistics.freeFiles = 1_000_000
        statistics.blockSize = UInt64(information.bytesPerAllocationUnit)
        statistics.blocks = UInt64(information.totalAllocationUnits)
        statistics.freeBlocks = UInt64(information.availableAllocationUnits)
        statistics.availableBlocks = statistics.freeBlocks
        statistics.countsAreGiven = true
        return statistics
    }
}

/// The inodes alive, by file reference. Each takes itself out as it goes: weak references would make every use of an
/// inode dearer.
final class WslfsInodeTable {
    private var inodes: [UInt64: Unmanaged<WslfsInode>] = [:]

    subscript(fileID: UInt64) -> WslfsInode? { inodes[fileID]?.takeUnretainedValue() }

    func insert(_ inode: WslfsInode) {
        inodes[inode.fileID] = Unmanaged.passUnretained(inode)
        inode.table = self
    }

    fileprivate func remove(_ inode: WslfsInode) { inodes[inode.fileID] = nil }
}

extension WslfsInode {
    /// The inode is about to go.
    func leaveTable() { table?.remove(self) }
}

/// The type of the distribution's root: every mount is a volume of its own.
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
        volume.installRoot(
            times: nil,
            extendedAttributes: WslfsMetadata.attributes(mode: VfsKind.directory.rawValue | 0o755, uid: 0, gid: 0),
            isCaseSensitive: true
        )
        return try WslfsSuperblock(
            nt: nt,
            volume: volume,
            type: name,
            source: source,
            device: context.engine.nextDevice()
        )
    }
}
