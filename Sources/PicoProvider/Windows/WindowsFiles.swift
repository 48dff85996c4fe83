// Files as Windows programs use them: by path, through the object name space, with the user's token.
import Engine
import LinuxABI
import NTKernel

struct WindowsFiles {
    private let engine: WSL1Engine
    private var nt: NTExecutive { engine.kernel }

    init(_ engine: WSL1Engine) { self.engine = engine }

    func perform(_ verb: String, _ path: String, _ rest: [String]) throws(EngineFailure) -> String {
        // A drive that nobody mounted yet.
        if let letter = path.first, path.dropFirst().first == ":" { _ = engine.machine.drive(letter) }
        switch verb {
        case "create": return change(path, .create, write(rest.first ?? "", path, .overwriteIf)).name
        case "append": return change(path, .modify, write(rest.first ?? "", path, .open)).name
        case "mkdir":
            return change(
                path,
                .create,
                with(path, .fileListDirectory, .create, .directoryFile) { _ in .STATUS_SUCCESS }
            ).name
        case "delete":
            let status = with(path, .delete, .open) { nt.NtSetInformationFile($0, .dispositionEx(.delete)) }
            return change(path, .delete, status).name
        case "rename":
            let status = with(path, .delete, .open) {
                nt.NtSetInformationFile($0, .renameEx(.replaceIfExists, rootDirectory: .null, name: rest.first ?? ""))
            }
            return change(path, .movedFrom, status).name
        case "open": return hold(path, isExclusive: rest.first == "exclusive").name
        case "close":
            guard let handle = engine.machine.openOnWindows.removeValue(forKey: path) else {
                return NTSTATUS.STATUS_INVALID_HANDLE.name
            }
            return nt.NtClose(handle).name
        case "junction":
            let point = ReparsePoint.mountPoint(Self.objectPath(rest.first ?? ""))
            return with(path, .fileWriteAttributes, .create, .directoryFile) {
                nt.NtFsControlFile($0, .setReparsePoint(point))
            }.name
        case "links": return link(path, count: Int(rest.first ?? "") ?? 0).name
        case "deny": return deny(path).name
        case "metadata": return metadata(path)
        default: throw EngineFailure("Windows programs have no '\(verb)'; the commands stand at WSL1Engine.host(_:)")
        }
    }

    // MARK: - Opening

    /// `\??\C:\a` for `C:\a`, and the device's path for `ROOT\a`.
    private func objectName(_ path: String) -> String {
        guard path.hasPrefix("ROOT") else { return Self.objectPath(path) }
        let root = (engine.initialRoot?.mount.superblock as? WslfsSuperblock)?.volume
        return (root?.device.objectName ?? "") + path.dropFirst(4)
    }

    private static func objectPath(_ path: String) -> String { path.hasPrefix("\\??\\") ? path : "\\??\\" + path }

    private func open(
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

    private func with(
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

    private func write(_ text: String, _ path: String, _ disposition: CreateDisposition) -> NTSTATUS {
        with(path, [.fileWriteData, .fileAppendData], disposition, .nonDirectoryFile) { handle in
            var block = IoStatusBlock()
            let end = NTExecutive.writeToEndOfFile
            return nt.NtWriteFile(handle, status: &block, bytes: Array(text.utf8), byteOffset: end)
        }
    }

    private func hold(_ path: String, isExclusive: Bool) -> NTSTATUS {
        var handle = Handle.null
        let access: AccessMask = isExclusive ? [.fileReadData, .fileWriteData] : .fileReadData
        let status = open(path, access, .open, [], share: isExclusive ? [] : .all, &handle)
        if status.isSuccess { engine.machine.openOnWindows[path] = handle }
        return status
    }

    private func link(_ path: String, count: Int) -> NTSTATUS {
        let name = path.split(separator: "\\").last.map(String.init) ?? ""
        var status = NTSTATUS.STATUS_SUCCESS
        for number in 0..<count where status.isSuccess {
            status = with(path, .fileWriteAttributes, .open) {
                nt.NtSetInformationFile(
                    $0,
                    .linkEx(replaceIfExists: false, rootDirectory: .null, name: "\(name).\(number)")
                )
            }
        }
        return status
    }

    /// Made anew with an ACL on which the user stands with nothing.
    private func deny(_ path: String) -> NTSTATUS {
        let security = SecurityDescriptor(
            owner: .localSystem,
            discretionaryACL: [
                AccessControlEntry(.denied, engine.machine.user.user, .fileAllAccess),
                AccessControlEntry(.allowed, .everyone, .fileAllAccess),
            ]
        )
        var handle = Handle.null
        let status = open(path, .fileReadAttributes, .create, [], security: security, &handle)
        if status.isSuccess { nt.NtClose(handle) }
        return status
    }

    /// `$LXGID $LXMOD $LXUID tag 0xa000001d`.
    private func metadata(_ path: String) -> String {
        var names: [ExtendedAttribute] = []
        var point: ReparsePoint?
        let status = with(path, [.fileReadEA, .fileReadAttributes], .open) { handle in
            _ = nt.NtQueryEaFile(handle, attributes: &names)
            _ = nt.NtFsControlFile(handle, getReparsePoint: &point)
            return .STATUS_SUCCESS
        }
        guard status.isSuccess else { return status.name }
        let tag = point.map { ["tag 0x" + String($0.tag, radix: 16)] } ?? []
        return (names.map(\.name).sorted() + tag).joined(separator: " ")
    }

    // MARK: - What inotify hears

    /// NtNotifyChangeDirectoryFile wakes lxcore, which tells those who watch (RN:14942).
    private func change(_ path: String, _ what: LxpNotification, _ status: NTSTATUS) -> NTSTATUS {
        guard status.isSuccess, engine.build >= WSL1Build(14942) else { return status }
        var parts = path.split(separator: "\\").map(String.init)
        let name = parts.popLast() ?? ""
        guard let letter = path.first else { return status }
        engine.changedOnWindows(letter, parts.dropFirst(), name, what)
        return status
    }
}

extension WSL1Engine {
    /// Tells the watches on the directory, wherever a mount shows it.
    fileprivate func changedOnWindows(
        _ letter: Character,
        _ directory: ArraySlice<String>,
        _ name: String,
        _ what: LxpNotification
    ) {
        for mount in mountNamespaces.compactMap(\.object).flatMap(\.mounts) {
            guard let drvfs = mount.superblock as? DrvfsSuperblock, drvfs.letter == letter else { continue }
            var entry: VfsEntry? = mount.root
            for part in directory { entry = entry?.child(part) }
            guard let entry else { continue }
            let context = quietContext(nil)
            guard let inode = (try? entry.inode.lookup(name, context)) ?? entry.child(name)?.inode else { continue }
            LxpNotify(context, entry, name, inode, what)
        }
    }
}
