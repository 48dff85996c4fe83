// Handles of wslfs files: those that open files have, and opens by reference for one operation.
import NTKernel

extension WslfsInode {
    func opened(_ handle: Handle, isWritable: Bool) { openHandles.append((handle, isWritable)) }

    func closed(_ handle: Handle) {
        if let index = openHandles.lastIndex(where: { $0.handle == handle }) { openHandles.remove(at: index) }
    }

    /// Runs `body` with a handle: one that an open file has, or one opened by file reference and closed again.
    func withHandle(_ access: AccessMask, _ body: (Handle) -> NTSTATUS) throws(LxFailure) {
        if let open = openHandle(isWritable: access.contains(.fileWriteData)) {
            return try LxpStatus.check(body(open))
        }
        var handle = Handle.null
        try LxpStatus.check(openByReference(access, &handle))
        let status = body(handle)
        nt.NtClose(handle)
        try LxpStatus.check(status)
    }

    /// One that an open file has.
    func openHandle(isWritable: Bool) -> Handle? {
        for open in openHandles where !isWritable || open.isWritable { return open.handle }
        return nil
    }

    func openByReference(_ access: AccessMask, _ handle: inout Handle) -> NTSTATUS {
        let wslfs = wslfs
        return wslfs.nt.NtCreateFile(
            &handle,
            fileID: fileID,
            on: wslfs.volumeHandle,
            access: access.union(.synchronize),
            flags: openFlags
        )
    }

    /// All of the file in one question.
    func query(_ information: inout FileStatLxInformation?) throws(LxFailure) {
        let wslfs = wslfs
        guard wslfs.asksPlainly else {
            return try withHandle(wslfs.queryAccess) { wslfs.query($0, &information) }
        }
        let status =
            if let open = openHandle(isWritable: false) {
                wslfs.nt.NtQueryInformationFile(open, &information)
            } else {
                wslfs.nt.queryFile(
                    fileID,
                    on: wslfs.volumeHandle,
                    access: [.fileReadAttributes, .synchronize],
                    flags: openFlags,
                    &information
                )
            }
        try LxpStatus.check(status)
    }
}
