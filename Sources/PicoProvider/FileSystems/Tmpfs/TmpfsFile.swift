// An open file of tmpfs.
import LinuxABI
import NTKernel

final class TmpfsFile: VfsFile {
    private var file: TmpfsInode { unsafeDowncast(inode, to: TmpfsInode.self) }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        if inode.isDirectory { throw .errno(.EISDIR) }
        return VfsData(file.data.read(at: offset, count: count))
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        try file.tmpfs.grow(file, to: max(file.data.size, offset + Int64(data.count)))
        var position = offset
        for segment in data.segments {
            switch segment {
            case .bytes(let slice): file.data.write(at: position, Array(slice))
            case .unknown(let count, _):
                file.data.write(at: position, [UInt8](repeating: 0, count: count))
                file.data.forget(position..<(position + Int64(count)))
            }
            position += Int64(segment.count)
        }
        file.contentChanged(context)
        return data.count
    }

    override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        file.entries.map { VfsDirectoryEntry(name: $0.name, inode: $0.inode.number, kind: $0.inode.kind) }
    }

    override func allocate(mode: Int32, offset: Int64, length: Int64, _ context: VfsContext) throws(LxFailure) {
        let keepsSize = mode & Int32(truncatingIfNeeded: ABI.constant("FALLOC_FL_KEEP_SIZE")) != 0
        guard !keepsSize, offset + length > file.data.size else { return }
        try file.setAttributes(VfsAttributeChange(size: offset + length), context)
    }

    override func synchronize(dataOnly: Bool, _ context: VfsContext) throws(LxFailure) {}

    /// A section of the page file stands for the memory of the file.
    override func map(_ request: VfsMapRequest, _ context: VfsContext) throws(LxFailure) -> VfsMapping {
        if inode.isDirectory { throw .errno(.ENODEV) }
        guard file.data.size > 0 else {
            throw .unsupported(.ENOEXEC, note: "NT cannot make a section of an empty file", source: "GH:3451;GH:902")
        }
        let nt = file.tmpfs.nt
        var section = Handle.null
        // Views may reach past the file's end as far as the request does.
        let size = max(UInt64(file.data.size), UInt64(request.offset) &+ request.length)
        try LxpStatus.check(
            nt.NtCreateSection(&section, maximumSize: size, protection: .executeReadWrite, file: .null)
        )
        return VfsSectionMapping(nt: nt, section: section, protection: .executeReadWrite)
    }
}
