// Names of wslfs directories: lookup, create, link, rename, remove.
import Engine
import LinuxABI
import NTKernel

extension WslfsInode {
    /// Runs `body` with a handle to this directory.
    private func inDirectory(_ body: (Handle) -> NTSTATUS) throws(LxFailure) {
        try withHandle(Self.directoryAccess, body)
    }

    private static let directoryAccess: AccessMask = [.fileListDirectory, .fileTraverse, .fileReadAttributes]

    func wslfsLookup(_ name: PreparedName) throws(LxFailure) -> VfsInode {
        let wslfs = wslfs
        var information: FileStatLxInformation?
        if wslfs.asksPlainly, openHandle(isWritable: false) == nil {
            let status = wslfs.nt.queryName(
                name,
                nameFlags,
                below: fileID,
                on: wslfs.volumeHandle,
                access: Self.directoryAccess.union(.synchronize),
                flags: openFlags,
                &information
            )
            try LxpStatus.check(status)
        } else {
            try inDirectory { directory in
                let attributes = ObjectAttributes(rootDirectory: directory, name: name.text, flags: nameFlags)
                return wslfs.query(attributes, &information)
            }
        }
        guard let information else { throw .errno(.EIO) }
        return wslfs.inode(information)
    }

    /// `NtCreateFile(FILE_CREATE)` with the metadata in the request, and for special files the reparse point after it.
    func make(
        _ name: String,
        mode: UInt32,
        device: UInt64? = nil,
        reparsePoint: ReparsePoint? = nil,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let owner = context.owner(in: self)
        let isDirectory = mode & 0o170000 == VfsKind.directory.rawValue
        var information: FileStatLxInformation?
        try inDirectory { directory in
            var handle = Handle.null
            var block = IoStatusBlock()
            var status = nt.NtCreateFile(
                &handle,
                access: .fileAllAccess,
                attributes: ObjectAttributes(
                    rootDirectory: directory,
                    name: wslfs.escape(name),
                    flags: nameFlags
                ),
                status: &block,
                disposition: .create,
                options: isDirectory ? .directoryFile : [.nonDirectoryFile, .openReparsePoint],
                extendedAttributes: newMetadata(mode: mode, owner, device: device)
            )
            guard status.isSuccess else { return status }
            if let reparsePoint { status = nt.NtFsControlFile(handle, .setReparsePoint(reparsePoint)) }
            if status.isSuccess { status = wslfs.query(handle, &information) }
            nt.NtClose(handle)
            return status
        }
        guard let information else { throw .errno(.EIO) }
        wslfs.setNumber(information.fileID, context.offer(.inode))
        return wslfs.inode(information)
    }

    /// Opens `name` here for deletion or renaming: the handle stands for this name, not for the file's others.
    private func withName(_ name: String, _ body: (Handle, Handle) -> NTSTATUS) throws(LxFailure) {
        try inDirectory { directory in
            var handle = Handle.null
            var block = IoStatusBlock()
            var status = nt.NtCreateFile(
                &handle,
                access: [.delete, .synchronize],
                attributes: ObjectAttributes(
                    rootDirectory: directory,
                    name: wslfs.escape(name),
                    flags: nameFlags
                ),
                status: &block,
                disposition: .open,
                options: .openReparsePoint
            )
            guard status.isSuccess else { return status }
            status = body(directory, handle)
            nt.NtClose(handle)
            return status
        }
    }

    func remove(_ name: String, _ inode: VfsInode) throws(LxFailure) {
        try withName(name) { _, handle in
            nt.NtSetInformationFile(
                handle,
                .dispositionEx([.delete, .posixSemantics, .ignoreReadOnlyAttribute])
            )
        }
        if let inode = inode as? WslfsInode, wslfs.volume.file(inode.fileID) == nil { wslfs.dropNumber(inode.fileID) }
    }

    func wslfsLink(_ name: String, to inode: VfsInode) throws(LxFailure) {
        guard let inode = inode as? WslfsInode else { throw .errno(.EXDEV) }
        try inDirectory { directory in
            var handle = Handle.null
            let opened = inode.openByReference(.fileWriteAttributes, &handle)
            guard opened.isSuccess else { return opened }
            let status = nt.NtSetInformationFile(
                handle,
                .linkEx(replaceIfExists: false, rootDirectory: directory, name: wslfs.escape(name))
            )
            nt.NtClose(handle)
            return status
        }
    }

    func wslfsRename(
        _ name: String,
        _ inode: VfsInode,
        to newDirectory: WslfsInode,
        _ newName: String,
        replacing replaced: VfsInode?
    ) throws(LxFailure) {
        let flags = renameFlags
        let target = wslfs.escape(newName)
        var outcome = NTSTATUS.STATUS_SUCCESS
        do throws(LxFailure) {
            try withName(name) { _, handle in
                guard newDirectory !== self else {
                    outcome = nt.NtSetInformationFile(handle, .renameEx(flags, rootDirectory: .null, name: target))
                    return outcome
                }
                var parent = Handle.null
                let opened = newDirectory.openByReference([.fileTraverse, .fileReadAttributes], &parent)
                guard opened.isSuccess else { return opened }
                outcome = nt.NtSetInformationFile(handle, .renameEx(flags, rootDirectory: parent, name: target))
                nt.NtClose(parent)
                return outcome
            }
        } catch {
            guard outcome == .STATUS_ACCESS_DENIED, inode.isDirectory else { throw error }
            throw .unsupported(
                .EACCES,
                note: "NTFS does not rename a directory while a file below it is open",
                source: "UT:lxtfs.c;UT:fscommon.c;GH:1529"
            )
        }
        if let replaced = replaced as? WslfsInode, wslfs.volume.file(replaced.fileID) == nil {
            wslfs.dropNumber(replaced.fileID)
        }
    }
}
