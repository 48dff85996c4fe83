// The root file system of a distribution: wslfs on an NTFS volume, reached by kernel handles only.
import Engine
import LinuxABI
import NTKernel
import Tables

class WslfsSuperblock: VfsSuperblock {
    /// f_type, as seen with the two counts of files (GH:3451).
    static let magic: UInt64 = 0x5346_4846

    let nt: NTExecutive
    let volume: NtfsVolume
    /// The volume's root directory, held for as long as it is mounted: opens by file reference start here.
    let volumeHandle: Handle
    private let inodes = WslfsInodeTable()
    /// st_ino where the environment offered one; else the file reference itself.
    private var numbers = IntegerTable<UInt64>()
    /// The file that has a number.
    private var usedNumbers = IntegerTable<UInt64>()
    /// No source gives the size of a WSL 1 directory: the environment's stay.
    var directorySizes = IntegerTable<Int64>()

    /// Mounts `volume`, or a folder of it (`\Users\me`).
    init(
        nt: NTExecutive,
        volume: NtfsVolume,
        folder: String = "",
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
            attributes: ObjectAttributes(
                name: (volume.device.objectName ?? "") + folder,
                flags: folder.isEmpty ? .kernelHandle : [.kernelHandle, .caseInsensitive]
            ),
            status: &block,
            disposition: .open,
            options: .directoryFile
        )
        volumeHandle = handle
        super.init(type: type, device: device, source: source, options: options, cachesNames: cachesNames)
        try LxpStatus.check(status)
        guard !folder.isEmpty else {
            root = inode(information(of: volume.root))
            return
        }
        var information: FileStatLxInformation?
        try LxpStatus.check(query(handle, &information))
        root = information.map(inode)
    }

    // MARK: - The format on disk

    /// Kinds and targets stand in reparse points.
    var hasReparsePoints: Bool { true }

    func escape(_ name: String) -> String { WslfsMetadata.escape(name) }
    /// The same, ready to be looked up.
    func prepared(_ name: VfsName) -> PreparedName { name.onNtfs }
    func unescape(_ name: String) -> String { WslfsMetadata.unescape(name) }

    /// Extended attributes of a new file.
    ///
    /// - Parameter times: access, modification and change in nanoseconds; nil: now.
    func metadata(
        mode: UInt32,
        _ owner: (uid: UInt32, gid: UInt32),
        device: UInt64?,
        times: (access: Int64, modification: Int64, change: Int64)?
    ) -> [ExtendedAttribute] {
        WslfsMetadata.attributes(mode: mode, uid: owner.uid, gid: owner.gid, device: device)
    }

    /// Extended attributes of Linux as they are kept.
    func packed(_ attributes: [String: [UInt8]]) -> [ExtendedAttribute] {
        attributes.sorted { $0.key < $1.key }.map { ExtendedAttribute(name: "LX." + $0.key, value: [1] + $0.value) }
    }

    /// What a query needs.
    var queryAccess: AccessMask { .fileReadAttributes }

    /// Content that stands for something else than itself.
    func body(of file: Environment.File, _ kind: VfsKind) -> DataStream? { nil }

    /// What a query would answer.
    func information(of record: FileControlBlock) -> FileStatLxInformation { FileStatLxInformation(record) }

    func kind(of entry: DirectoryEntry) -> VfsKind {
        WslfsMetadata.kind(tag: entry.reparseTag, attributes: entry.fileAttributes)
    }

    // MARK: - Asking

    /// False once the volume refused the class that came for Linux.
    private var hasLinuxInformation = true

    /// Everything that a query is for comes from NTFS itself: an open, the query and the close can be one step.
    var asksPlainly: Bool { volume.features.contains(.extendedAttributes) }

    /// All of a file in one query, or what FAT has instead.
    func query(_ handle: Handle, _ information: inout FileStatLxInformation?) -> NTSTATUS {
        if hasLinuxInformation {
            let status = nt.NtQueryInformationFile(handle, &information)
            guard status == .STATUS_INVALID_INFO_CLASS else { return status }
            hasLinuxInformation = false
        }
        var all: FileAllInformation?
        let status = nt.NtQueryInformationFile(handle, &all)
        information = all?.asStat
        return status
    }

    /// The same by name: without an open where the volume can do that.
    func query(_ attributes: ObjectAttributes, _ information: inout FileStatLxInformation?) -> NTSTATUS {
        if hasLinuxInformation {
            let status = nt.NtQueryInformationByName(attributes, &information)
            guard status == .STATUS_INVALID_INFO_CLASS else { return status }
            hasLinuxInformation = false
        }
        return query(attributes, opening: .fileReadAttributes, &information)
    }

    /// The same by name, with an open that asks for these rights.
    final func query(
        _ attributes: ObjectAttributes,
        opening access: AccessMask,
        _ information: inout FileStatLxInformation?
    ) -> NTSTATUS {
        var handle = Handle.null
        var block = IoStatusBlock()
        var status = nt.NtCreateFile(
            &handle,
            access: access.union(.synchronize),
            attributes: attributes,
            status: &block,
            disposition: .open,
            options: .openReparsePoint
        )
        guard status.isSuccess else { return status }
        status = query(handle, &information)
        nt.NtClose(handle)
        return status
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
        guard let offered, offered != 0, usedNumbers[offered] == nil else { return }
        usedNumbers[offered] = fileID
        numbers[fileID] = offered
    }

    /// The file is gone; its number may be offered again.
    func dropNumber(_ fileID: UInt64) {
        if let number = numbers.remove(fileID) { usedNumbers.remove(number) }
        directorySizes.remove(fileID)
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
    private var inodes = IntegerTable<Unmanaged<WslfsInode>>()

    subscript(fileID: UInt64) -> WslfsInode? { inodes[fileID]?.takeUnretainedValue() }

    func insert(_ inode: WslfsInode) {
        inodes[inode.fileID] = Unmanaged.passUnretained(inode)
        inode.table = self
    }

    fileprivate func remove(_ inode: WslfsInode) { inodes.remove(inode.fileID) }
}

extension WslfsInode {
    /// The inode is about to go.
    func leaveTable() { table?.remove(self) }
}
