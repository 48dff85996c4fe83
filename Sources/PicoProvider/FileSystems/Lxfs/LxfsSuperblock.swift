// lxfs, which the team called VolFs: the root of distributions made before 1903 (behaviours.md §2.1).
import Engine
import LinuxABI
import NTKernel

final class LxfsSuperblock: WslfsSuperblock {
    static let name = "lxfs"

    /// `LXATTRB` of the file that was asked for last.
    fileprivate(set) var lastRead: LxfsAttributes?

    override var hasReparsePoints: Bool { false }
    override var asksPlainly: Bool { false }
    override var queryAccess: AccessMask { [.fileReadAttributes, .fileReadEA] }

    override func escape(_ name: String) -> String { LxfsNames.escape(name) }
    override func prepared(_ name: VfsName) -> PreparedName { PreparedName(escape(name.text)) }
    override func unescape(_ name: String) -> String { LxfsNames.unescape(name) }

    override func makeInode(_ information: FileStatLxInformation) -> WslfsInode {
        LxfsInode(superblock: self, information)
    }

    override func metadata(
        mode: UInt32,
        _ owner: (uid: UInt32, gid: UInt32),
        device: UInt64?,
        times: (access: Int64, modification: Int64, change: Int64)?
    ) -> [ExtendedAttribute] {
        let now = times?.change ?? WslfsMetadata.nanoseconds(nt.KeQuerySystemTimePrecise())
        var attributes = LxfsAttributes(mode: mode, uid: owner.uid, gid: owner.gid, time: now)
        attributes.device = device ?? 0
        if let times {
            attributes.accessTime = times.access
            attributes.modificationTime = times.modification
        }
        return [attributes.extendedAttribute]
    }

    override func packed(_ attributes: [String: [UInt8]]) -> [ExtendedAttribute] {
        guard !attributes.isEmpty else { return [] }
        return [LxfsExtendedAttributes.pack(attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })]
    }

    /// A link is a file with its target in it.
    override func body(of file: Environment.File, _ kind: VfsKind) -> DataStream? {
        guard kind == .symbolicLink else { return nil }
        var stream = DataStream()
        stream.write(at: 0, Array((file.linkTarget ?? "").utf8))
        return stream
    }

    override func information(of record: FileControlBlock) -> FileStatLxInformation {
        let plain = FileStatLxInformation(record)
        return record.extendedAttribute(LxfsAttributes.name).flatMap(LxfsAttributes.init).map { tell($0, plain) }
            ?? plain
    }

    /// That a listing knows the kinds without opening each file is inferred.
    override func kind(of entry: DirectoryEntry) -> VfsKind {
        let known = volume.file(entry.fileID).map(information)
        return known.flatMap { VfsKind(rawValue: $0.lxMode & 0o170000) } ?? super.kind(of: entry)
    }

    // MARK: - Asking: two queries where wslfs has one

    override func query(_ handle: Handle, _ information: inout FileStatLxInformation?) -> NTSTATUS {
        lastRead = nil
        var all: FileAllInformation?
        var found: [ExtendedAttribute] = []
        let status = nt.NtQueryInformationFile(handle, &all)
        guard status.isSuccess, let all else { return status }
        let read = nt.NtQueryEaFile(handle, names: [LxfsAttributes.name], attributes: &found)
        // A file that a Windows tool made or copied has no metadata (BLOG:filesystem).
        guard read.isSuccess || read == .STATUS_NO_EAS_ON_FILE else { return read }
        lastRead = found.first.flatMap { LxfsAttributes($0.value) }
        information = lastRead.map { tell($0, all.asStat) } ?? all.asStat
        return .STATUS_SUCCESS
    }

    override func query(_ attributes: ObjectAttributes, _ information: inout FileStatLxInformation?) -> NTSTATUS {
        query(attributes, opening: [.fileReadAttributes, .fileReadEA], &information)
    }

    private func tell(_ attributes: LxfsAttributes, _ plain: FileStatLxInformation) -> FileStatLxInformation {
        var information = plain
        information.lxFlags.formUnion([.hasUserID, .hasGroupID, .hasMode])
        if attributes.device != 0 { information.lxFlags.formUnion(.hasDeviceID) }
        information.lxMode = attributes.mode
        information.lxUserID = attributes.uid
        information.lxGroupID = attributes.gid
        information.lxDeviceIDMajor = LxDeviceNumber(attributes.device).major
        information.lxDeviceIDMinor = LxDeviceNumber(attributes.device).minor
        return information
    }

    /// Its f_type is a value of its own, which no source tells.
    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var statistics = try super.statistics(context)
        statistics.typeIsGiven = true
        return statistics
    }
}
