// An open file of wslfs: a kernel handle; the offset is the provider's.
import LinuxABI
import NTKernel

final class WslfsFile: VfsFile {
    private let handle: Handle
    private var file: WslfsInode { unsafeDowncast(inode, to: WslfsInode.self) }
    private var nt: NTExecutive { file.nt }

    /// What ``GivenUse`` calls bytes that the recording never showed.
    static let unknownContent = "file content that was not recorded"

    init(inode: WslfsInode, handle: Handle) {
        self.handle = handle
        super.init(inode: inode)
    }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        if inode.isDirectory { throw .errno(.EISDIR) }
        var block = IoStatusBlock()
        var buffer = DataStream.ReadResult()
        let status = nt.NtReadFile(handle, status: &block, length: count, byteOffset: offset, buffer: &buffer)
        if status == .STATUS_END_OF_FILE { return VfsData() }
        try LxpStatus.check(status)
        return VfsData(buffer)
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        var done = 0
        for segment in data.segments {
            var block = IoStatusBlock()
            let position = offset + Int64(done)
            let bytes: [UInt8]
            switch segment {
            case .bytes(let slice): bytes = Array(slice)
            case .unknown(let count, _): bytes = [UInt8](repeating: 0, count: count)
            }
            let status = nt.NtWriteFile(handle, status: &block, bytes: bytes, byteOffset: position)
            if !status.isSuccess, done > 0 { return done }
            try LxpStatus.check(status)
            if case .unknown(let count, _) = segment, let record = file.wslfs.volume.file(file.fileID) {
                file.wslfs.volume.forget(record, position..<(position + Int64(count)))
            }
            done += segment.count
        }
        return done
    }

    override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        var result: [VfsDirectoryEntry] = []
        var batch: [DirectoryEntry] = []
        var restart = true
        while true {
            let status = nt.NtQueryDirectoryFile(handle, restartScan: restart, limit: 64, entries: &batch)
            if status == .STATUS_NO_MORE_FILES || status == .STATUS_NO_SUCH_FILE { return result }
            try LxpStatus.check(status)
            restart = false
            for entry in batch where entry.fileName != "." && entry.fileName != ".." {
                result.append(
                    VfsDirectoryEntry(
                        name: file.wslfs.unescape(entry.fileName),
                        inode: file.wslfs.number(entry.fileID),
                        kind: file.wslfs.kind(of: entry)
                    )
                )
            }
        }
    }

    override func allocate(mode: Int32, offset: Int64, length: Int64, _ context: VfsContext) throws(LxFailure) {
        var standard: FileStandardInformation?
        try LxpStatus.check(nt.NtQueryInformationFile(handle, &standard))
        guard let size = standard?.endOfFile, offset + length > size else { return }
        try LxpStatus.check(nt.NtSetInformationFile(handle, .allocation(offset + length)))
        let keepsSize = mode & Int32(truncatingIfNeeded: ABI.constant("FALLOC_FL_KEEP_SIZE")) != 0
        if !keepsSize { try LxpStatus.check(nt.NtSetInformationFile(handle, .endOfFile(offset + length))) }
    }

    override func synchronize(dataOnly: Bool, _ context: VfsContext) throws(LxFailure) {
        try LxpStatus.check(nt.NtFlushBuffersFile(handle))
    }

    override func map(_ request: VfsMapRequest, _ context: VfsContext) throws(LxFailure) -> VfsMapping {
        if inode.isDirectory { throw .errno(.ENODEV) }
        // Never SEC_IMAGE; read-only sections exist since RN:18342.
        let protection: PageProtection = request.isShared && isWritable ? .executeReadWrite : .executeRead
        var section = Handle.null
        let status = nt.NtCreateSection(&section, maximumSize: 0, protection: protection, file: handle)
        if status == .STATUS_MAPPED_FILE_SIZE_ZERO {
            throw .unsupported(.ENOEXEC, note: "NT cannot make a section of an empty file", source: "GH:3451;GH:902")
        }
        try LxpStatus.check(status)
        return VfsSectionMapping(nt: nt, section: section, protection: protection)
    }

    override func release(_ context: VfsContext) {
        let file = file
        let wslfs = file.wslfs
        file.closed(handle)
        wslfs.nt.NtClose(handle)
        if wslfs.volume.file(file.fileID) == nil { wslfs.dropNumber(file.fileID) }
    }
}

/// A mapping behind which an NT section stands.
final class VfsSectionMapping: VfsMapping {
    private let nt: NTExecutive
    /// What views of it may have at most.
    let protection: PageProtection
    private var isClosed = false

    init(nt: NTExecutive, section: Handle, protection: PageProtection) {
        self.nt = nt
        self.protection = protection
        super.init(section: section)
    }

    deinit { unmapped() }

    override func unmapped() {
        guard !isClosed else { return }
        isClosed = true
        nt.NtClose(section)
    }
}

extension VfsData {
    /// Bytes of a stream; what the stream does not know stays unknown.
    init(_ result: DataStream.ReadResult) {
        self.init()
        var position = 0
        for range in result.unknown {
            append(.bytes(result.bytes[position..<range.lowerBound]))
            append(.unknown(count: range.count, what: WslfsFile.unknownContent))
            position = range.upperBound
        }
        append(.bytes(result.bytes[position...]))
    }
}
