// How Windows programs open files: by path, by handle, as somebody else.
import LinuxABI
import NTKernel

extension WindowsFiles {
    /// `\??\C:\a` for `C:\a`, and the device's path for `ROOT\a`.
    func objectName(_ path: String) -> String {
        guard path.hasPrefix("ROOT") else { return Self.objectPath(path) }
        let root = (engine.initialRoot?.mount.superblock as? WslfsSuperblock)?.volume
        return (root?.device.objectName ?? "") + path.dropFirst(4)
    }

    static func objectPath(_ path: String) -> String { path.hasPrefix("\\??\\") ? path : "\\??\\" + path }

    func open(
        _ path: String,
        _ access: AccessMask,
        _ disposition: CreateDisposition,
        _ options: CreateOptions,
        share: FileShare = .all,
        security: SecurityDescriptor? = nil,
        _ handle: inout Handle
    ) -> NTSTATUS {
        var block = IoStatusBlock()
        return nt.NtCreateFile(
            &handle,
            access: access.union(.synchronize),
            attributes: ObjectAttributes(
                name: objectName(path),
                flags: [.caseInsensitive, .forceAccessCheck],
                securityDescriptor: security
            ),
            status: &block,
            share: share,
            disposition: disposition,
            options: options.union(.openReparsePoint)
        )
    }

    func with(
        _ path: String,
        _ access: AccessMask,
        _ disposition: CreateDisposition,
        _ options: CreateOptions = [],
        _ body: (Handle) -> NTSTATUS
    ) -> NTSTATUS {
        var handle = Handle.null
        var status = open(path, access, disposition, options, &handle)
        guard status.isSuccess else { return status }
        status = body(handle)
        nt.NtClose(handle)
        return status
    }

    /// From a window that is not an administrator's.
    func asPlainUser(_ body: () -> NTSTATUS) -> NTSTATUS {
        var thread: EThread?
        let status = nt.NtCreateUserProcess(
            imageName: "C:\\Windows\\System32\\cmd.exe",
            commandLine: "cmd.exe",
            token: engine.machine.token(isElevated: false),
            thread: &thread
        )
        guard status.isSuccess, let thread else { return status }
        defer { nt.NtTerminateProcess(thread.process, exitCode: 0) }
        return nt.perform(as: thread, body)
    }

    /// Opened as most programs do, which follows links.
    func read(_ path: String) -> NTSTATUS {
        var handle = Handle.null
        var block = IoStatusBlock()
        var status = nt.NtCreateFile(
            &handle,
            access: [.fileReadData, .synchronize],
            attributes: ObjectAttributes(name: objectName(path), flags: [.caseInsensitive, .forceAccessCheck]),
            status: &block,
            disposition: .open
        )
        guard status.isSuccess else { return status }
        var buffer = DataStream.ReadResult()
        status = nt.NtReadFile(handle, status: &block, length: 4096, byteOffset: 0, buffer: &buffer)
        nt.NtClose(handle)
        return status
    }

    /// A file for a section or an image.
    func withSource<Failure: Error>(
        _ path: String,
        writes: Bool = false,
        access: AccessMask = .fileReadData,
        _ body: (Handle) throws(Failure) -> NTSTATUS
    ) throws(Failure) -> NTSTATUS {
        if let letter = path.first, path.dropFirst().first == ":" { _ = engine.machine.drive(letter) }
        var handle = Handle.null
        let status = open(path, writes ? access.union(.fileWriteData) : access, .open, [], &handle)
        guard status.isSuccess else { return status }
        defer { nt.NtClose(handle) }
        return try body(handle)
    }

    /// With a handle that the program holds.
    func held(_ path: String, _ body: (Handle) -> NTSTATUS) -> NTSTATUS {
        engine.machine.openOnWindows[path].map(body) ?? .STATUS_INVALID_HANDLE
    }

    /// What cannot become a link goes again.
    func link(_ path: String, _ point: ReparsePoint, _ options: CreateOptions) -> NTSTATUS {
        with(path, [.fileWriteAttributes, .delete], .create, options) { handle in
            let status = nt.NtFsControlFile(handle, .setReparsePoint(point))
            if !status.isSuccess { _ = nt.NtSetInformationFile(handle, .dispositionEx(.delete)) }
            return status
        }
    }

    func move(_ path: String, to folder: String) -> NTSTATUS {
        if let letter = folder.first { _ = engine.machine.drive(letter) }
        let name = path.split(separator: "\\").last.map(String.init) ?? ""
        return with(path, .delete, .open) { file in
            with(folder, .fileTraverse, .open) { directory in
                nt.NtSetInformationFile(file, .renameEx(.replaceIfExists, rootDirectory: directory, name: name))
            }
        }
    }

    func open(raw name: String, _ handle: inout Handle) -> NTSTATUS {
        var block = IoStatusBlock()
        return nt.NtCreateFile(
            &handle,
            access: [.fileReadData, .synchronize],
            attributes: ObjectAttributes(name: name, flags: .caseInsensitive),
            status: &block,
            disposition: .open
        )
    }
}
