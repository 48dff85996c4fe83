// Puts the environment's files on the volume: what was there before the first call, and grafts.
import Engine
import LinuxABI
import NTKernel
import Tables

extension WslfsInode {
    /// The file's record; nil when it is deleted.
    var record: FileControlBlock? { wslfs.volume.file(fileID) }

    /// The record is made or replaced without evidence and without a check. An existing directory keeps its names.
    func wslfsPopulate(_ name: String, _ file: Environment.File) -> VfsInode? {
        guard let directory = record, let kind = VfsKind(file.kind) else { return nil }
        let escaped = wslfs.escape(name)
        let attributes = wslfsAttributes(of: file, kind)
        if let existing = wslfs.volume.lookup(escaped, in: directory) {
            if kind == .directory, existing.isDirectory {
                wslfs.volume.reinstall(existing, times: times(of: file), extendedAttributes: attributes)
                wslfs.directorySizes[existing.fileReference] = file.size
                return wslfs.inode(wslfs.information(of: existing))
            }
            wslfs.volume.uninstall(escaped, in: directory)
        }
        guard
            let made = wslfs.volume.install(
                escaped,
                in: directory,
                isDirectory: kind == .directory,
                times: times(of: file),
                data: wslfs.body(of: file, kind) ?? (kind == .regular ? content(of: file) : DataStream()),
                extendedAttributes: attributes,
                reparsePoint: reparsePoint(of: file, kind),
                unseenLinks: kind == .directory ? 0 : Int(clamping: file.links) - 1
            )
        else { return nil }
        wslfs.setNumber(made.fileReference, file.inode)
        if kind == .directory { wslfs.directorySizes[made.fileReference] = file.size }
        return wslfs.inode(wslfs.information(of: made))
    }

    func wslfsPopulateLink(_ name: String, to inode: VfsInode) {
        guard let directory = record, let file = (inode as? WslfsInode)?.record else { return }
        let escaped = wslfs.escape(name)
        wslfs.volume.uninstall(escaped, in: directory)
        wslfs.volume.installLink(escaped, in: directory, to: file)
    }

    /// The root directory's own metadata.
    func populateRoot(_ file: Environment.File) {
        guard let record else { return }
        wslfs.volume.reinstall(
            record,
            times: times(of: file),
            extendedAttributes: wslfsAttributes(of: file, .directory)
        )
        wslfs.setNumber(fileID, file.inode)
        update(wslfs.information(of: record))
    }

    private func wslfsAttributes(of file: Environment.File, _ kind: VfsKind) -> [ExtendedAttribute] {
        let device = kind == .characterDevice || kind == .blockDevice ? file.specialDevice : nil
        let own = wslfs.metadata(
            mode: kind.rawValue | file.mode & 0o7777,
            (file.uid, file.gid),
            device: device,
            times: (file.accessTime, file.modificationTime, file.changeTime)
        )
        return own + wslfs.packed(file.extendedAttributes)
    }

    private func times(of file: Environment.File) -> FileTimes {
        FileTimes(
            creation: WslfsMetadata.fileTime(file.modificationTime),
            lastAccess: WslfsMetadata.fileTime(file.accessTime),
            lastWrite: WslfsMetadata.fileTime(file.modificationTime),
            change: WslfsMetadata.fileTime(file.changeTime)
        )
    }

    private func content(of file: Environment.File) -> DataStream {
        var stream = DataStream(unknownSize: file.size)
        for extent in file.content { stream.prove(at: extent.offset, extent.bytes) }
        return stream
    }

    private func reparsePoint(of file: Environment.File, _ kind: VfsKind) -> ReparsePoint? {
        guard wslfs.hasReparsePoints else { return nil }
        if kind == .symbolicLink { return WslfsMetadata.symbolicLink(file.linkTarget ?? "") }
        return WslfsMetadata.tag(of: kind).map { ReparsePoint(tag: $0) }
    }
}

extension VfsKind {
    init?(_ kind: Environment.File.Kind) {
        switch kind {
        case .regular: self = .regular
        case .directory: self = .directory
        case .symbolicLink: self = .symbolicLink
        case .fifo: self = .fifo
        case .socket: self = .socket
        case .characterDevice: self = .characterDevice
        case .blockDevice: self = .blockDevice
        }
    }
}
