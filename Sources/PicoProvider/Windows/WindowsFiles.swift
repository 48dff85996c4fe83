// Files as Windows programs use them: by path, through the object name space, with the user's token.
import Engine
import LinuxABI
import NTKernel

struct WindowsFiles {
    let engine: WSL1Engine
    var nt: NTExecutive { engine.kernel }

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
            return link(path, point, .directoryFile).name
        case "symlink":
            let point = ReparsePoint.symbolicLink(rest.first ?? "", isRelative: true)
            guard rest.contains("plain") else { return link(path, point, .nonDirectoryFile).name }
            return asPlainUser { link(path, point, .nonDirectoryFile) }.name
        case "find":
            return with(path, .fileListDirectory, .open, .directoryFile) { handle in
                var found: [DirectoryEntry] = []
                let name = rest.first ?? ""
                return nt.NtQueryDirectoryFile(handle, restartScan: true, name: name, limit: 1, entries: &found)
            }.name
        case "type": return read(path).name
        case "target":
            var point: ReparsePoint?
            return with(path, .fileReadAttributes, .open) { nt.NtFsControlFile($0, getReparsePoint: &point) }.name
        case "move": return move(path, to: rest.first ?? "").name
        case "list": return with(path, .fileListDirectory, .open, .directoryFile) { _ in .STATUS_SUCCESS }.name
        case "nt-open":
            var handle = Handle.null
            let status = open(raw: path, &handle)
            if status.isSuccess { nt.NtClose(handle) }
            return status.name
        case "delete-open": return held(path) { nt.NtSetInformationFile($0, .dispositionEx(.delete)) }.name
        case "lock", "unlock":
            let numbers = rest.compactMap { UInt64($0) }
            guard numbers.count == 2 else { throw EngineFailure("a range is an offset and a length") }
            return held(path) { handle in
                verb == "lock"
                    ? nt.NtLockFile(handle, offset: numbers[0], length: numbers[1], isExclusive: true)
                    : nt.NtUnlockFile(handle, offset: numbers[0], length: numbers[1])
            }.name
        case "attributes":
            return with(path, [.fileReadEA], .open) { handle in
                var found: [ExtendedAttribute] = []
                return nt.NtQueryEaFile(
                    handle,
                    length: rest.first.flatMap { Int($0) } ?? 0,
                    restartScan: true,
                    index: rest.count > 1 ? Int(rest[1]) : nil,
                    attributes: &found
                )
            }.name
        case "links": return link(path, count: Int(rest.first ?? "") ?? 0).name
        case "deny": return deny(path).name
        case "metadata": return metadata(path)
        default: throw EngineFailure("Windows programs have no '\(verb)'; the commands stand at WSL1Engine.host(_:)")
        }
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
        let access: AccessMask = isExclusive ? [.fileReadData, .fileWriteData] : [.fileReadData, .delete]
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
            guard let drvfs = mount.superblock as? DrvfsSuperblock, drvfs.letter == letter, drvfs.windowsRoot.count == 2
            else { continue }
            var entry: VfsEntry? = mount.root
            for part in directory { entry = entry?.child(paths.names.name(part)) }
            guard let entry else { continue }
            let context = quietContext(nil)
            guard let inode = (try? entry.inode.lookup(name, context)) ?? entry.child(paths.names.name(name))?.inode
            else { continue }
            LxpNotify(context, entry, name, inode, what)
        }
    }
}
