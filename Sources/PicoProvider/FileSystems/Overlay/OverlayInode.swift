// A name of an overlay: the file of the highest layer that has it, copied up before it changes.
import LinuxABI

final class OverlayInode: VfsInode {
    private let parent: OverlayInode?
    private let name: String
    /// In the writable layer.
    private(set) var upper: VfsInode?
    /// Below, highest first: one for a file, all that are merged for a directory.
    private(set) var lowers: [VfsInode]
    /// One object for one name.
    private var children: [String: OverlayInode] = [:]

    private static let opaque = "trusted.overlay.opaque"
    private static let writing = abi32("O_WRONLY") | abi32("O_RDWR") | abi32("O_TRUNC")

    init(_ superblock: OverlaySuperblock, parent: OverlayInode?, name: String, upper: VfsInode?, lowers: [VfsInode]) {
        self.parent = parent
        self.name = name
        self.upper = upper
        self.lowers = lowers
        super.init(superblock: superblock, mode: 0)
        mirror()
    }

    /// The file that is seen.
    var real: VfsInode? { upper ?? lowers.first }

    private var overlay: OverlaySuperblock { unsafeDowncast(superblock, to: OverlaySuperblock.self) }

    private func mirror() {
        guard let real else { return }
        mode = real.mode
        uid = real.uid
        gid = real.gid
        specialDevice = real.specialDevice
    }

    private func seen() throws(LxFailure) -> VfsInode {
        guard let real else { throw .errno(.ENOENT) }
        return real
    }

    // MARK: - Attributes

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try seen().attributes(context)
        if isDirectory { attributes.device = superblock.device }
        mirror()
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        try copyUp(context).setAttributes(change, context)
        mirror()
    }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String { try seen().readLink(context) }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        if isDirectory { return OverlayDirectoryFile(inode: self) }
        return flags & Self.writing != 0 ? try copyUp(context).open(flags, context) : try seen().open(flags, context)
    }

    // MARK: - Copying up

    /// The file in the writable layer, made there if need be.
    @discardableResult
    func copyUp(_ context: VfsContext) throws(LxFailure) -> VfsInode {
        if let upper { return upper }
        guard overlay.isWritable, let parent, let lower = lowers.first else { throw .errno(.EROFS) }
        let directory = try parent.copyUp(context)
        let attributes = try lower.attributes(context)
        let made: VfsInode
        switch lower.kind {
        case .directory: made = try directory.makeDirectory(name, mode: lower.mode, context)
        case .symbolicLink:
            made = try directory.makeSymbolicLink(name, target: try lower.readLink(context), context)
        case .regular:
            made = try directory.create(name, mode: lower.mode, context)
            try copyContent(lower, made, attributes.size, context)
        default:
            made = try directory.makeNode(name, mode: lower.mode, device: lower.specialDevice, context)
        }
        var change = VfsAttributeChange(permissions: lower.mode & 0o7777, uid: lower.uid, gid: lower.gid)
        change.accessTime = attributes.accessTime
        change.modificationTime = attributes.modificationTime
        if lower.kind != .symbolicLink { try made.setAttributes(change, context) }
        upper = made
        if !isDirectory { lowers = [] }
        mirror()
        return made
    }

    private func copyContent(
        _ source: VfsInode,
        _ target: VfsInode,
        _ size: Int64,
        _ context: VfsContext
    ) throws(LxFailure) {
        guard size > 0 else { return }
        let input = try source.open(0, context)
        defer { input.release(context) }
        let data = try input.read(Int(clamping: size), at: 0, context)
        let output = try target.open(abi32("O_WRONLY"), context)
        defer { output.release(context) }
        _ = try output.write(data, at: 0, context)
    }

    // MARK: - Names

    private static func isWhiteout(_ inode: VfsInode) -> Bool {
        inode.kind == .characterDevice && inode.specialDevice == 0
    }

    private static func find(_ name: String, in directory: VfsInode, _ context: VfsContext) throws(LxFailure)
        -> VfsInode?
    {
        do throws(LxFailure) {
            return try directory.lookup(name, context)
        } catch {
            if error.saysMissing { return nil }
            throw error
        }
    }

    private static func isOpaque(_ directory: VfsInode, _ context: VfsContext) -> Bool {
        (try? directory.extendedAttribute(opaque, context)) == [UInt8(ascii: "y")]
    }

    /// What the layers have under a name; nil if it is not there or whited out.
    private func layers(
        _ name: String,
        _ context: VfsContext
    ) throws(LxFailure) -> (upper: VfsInode?, lowers: [VfsInode])? {
        var above: VfsInode?
        var below: [VfsInode] = []
        if let upper, let found = try Self.find(name, in: upper, context) {
            if Self.isWhiteout(found) { return nil }
            if !found.isDirectory || Self.isOpaque(found, context) { return (found, []) }
            above = found
        }
        for lower in lowers {
            guard let found = try Self.find(name, in: lower, context) else { continue }
            if Self.isWhiteout(found) { break }
            if !found.isDirectory {
                // A file below a directory is hidden by it.
                if above == nil, below.isEmpty { below = [found] }
                break
            }
            below.append(found)
            if Self.isOpaque(found, context) { break }
        }
        return above == nil && below.isEmpty ? nil : (above, below)
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard isDirectory else { throw .errno(.ENOTDIR) }
        guard let found = try layers(name, context) else {
            children[name] = nil
            throw .errno(.ENOENT)
        }
        if let known = children[name], let real = known.real, real === found.upper ?? found.lowers.first {
            known.mirror()
            return known
        }
        return adopt(name, found.upper, found.lowers)
    }

    private func adopt(_ name: String, _ upper: VfsInode?, _ lowers: [VfsInode]) -> OverlayInode {
        let made = OverlayInode(overlay, parent: self, name: name, upper: upper, lowers: lowers)
        children[name] = made
        return made
    }

    /// Names of all layers, without those that are whited out.
    func names(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        var result: [VfsDirectoryEntry] = []
        var hidden: Set<String> = []
        for layer in (upper.map { [$0] } ?? []) + lowers {
            let file = try layer.open(0, context)
            let entries = try file.readDirectory(context)
            file.release(context)
            for entry in entries where hidden.insert(entry.name).inserted {
                if entry.kind == .characterDevice, let found = try Self.find(entry.name, in: layer, context),
                    Self.isWhiteout(found)
                {
                    continue
                }
                result.append(entry)
            }
        }
        return result
    }

    /// Makes a name in the writable layer, where a whiteout may stand in its place.
    private func make(
        _ name: String,
        isDirectory: Bool,
        _ context: VfsContext,
        _ body: (VfsInode) throws(LxFailure) -> VfsInode
    ) throws(LxFailure) -> VfsInode {
        let directory = try copyUp(context)
        var wasHidden = false
        if let found = try Self.find(name, in: directory, context), Self.isWhiteout(found) {
            try directory.unlink(name, found, context)
            wasHidden = true
        }
        let made = try body(directory)
        // A new directory over a hidden one shows nothing of it.
        if wasHidden, isDirectory { try made.setExtendedAttribute(Self.opaque, [UInt8(ascii: "y")], flags: 0, context) }
        return adopt(name, made, [])
    }

    override func create(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        try make(name, isDirectory: false, context) { (directory) throws(LxFailure) in
            try directory.create(name, mode: mode, context)
        }
    }

    override func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        try make(name, isDirectory: true, context) { (directory) throws(LxFailure) in
            try directory.makeDirectory(name, mode: mode, context)
        }
    }

    override func makeNode(
        _ name: String,
        mode: UInt32,
        device: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        try make(name, isDirectory: false, context) { (directory) throws(LxFailure) in
            try directory.makeNode(name, mode: mode, device: device, context)
        }
    }

    override func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        try make(name, isDirectory: false, context) { (directory) throws(LxFailure) in
            try directory.makeSymbolicLink(name, target: target, context)
        }
    }

    override func link(_ name: String, to inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let inode = inode as? OverlayInode else { throw .errno(.EXDEV) }
        let file = try inode.copyUp(context)
        _ = try make(name, isDirectory: false, context) { (directory) throws(LxFailure) in
            try directory.link(name, to: file, context)
            return file
        }
    }

    // MARK: - Removing

    /// Hides what the layers below have under the name.
    private func whiteOut(_ name: String, _ context: VfsContext) throws(LxFailure) {
        children[name] = nil
        for lower in lowers {
            guard let found = try Self.find(name, in: lower, context) else { continue }
            guard !Self.isWhiteout(found) else { return }
            _ = try copyUp(context).makeNode(name, mode: VfsKind.characterDevice.rawValue, device: 0, context)
            return
        }
    }

    override func unlink(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        let directory = try copyUp(context)
        if let found = try Self.find(name, in: directory, context) { try directory.unlink(name, found, context) }
        try whiteOut(name, context)
    }

    override func removeDirectory(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let inode = inode as? OverlayInode, try inode.names(context).isEmpty else { throw .errno(.ENOTEMPTY) }
        let directory = try copyUp(context)
        if let found = try Self.find(name, in: directory, context) {
            // Only whiteouts are left in it.
            let file = try found.open(0, context)
            let rest = try file.readDirectory(context)
            file.release(context)
            for entry in rest {
                guard let whiteout = try Self.find(entry.name, in: found, context) else { continue }
                try found.unlink(entry.name, whiteout, context)
            }
            try directory.removeDirectory(name, found, context)
        }
        try whiteOut(name, context)
    }

    override func rename(
        _ name: String,
        _ inode: VfsInode,
        to newDirectory: VfsInode,
        _ newName: String,
        replacing replaced: VfsInode?,
        _ context: VfsContext
    ) throws(LxFailure) {
        guard let inode = inode as? OverlayInode, let target = newDirectory as? OverlayInode else {
            throw .errno(.EXDEV)
        }
        // A directory of a lower layer stays where it is (overlayfs.rst: without redirect_dir).
        if inode.isDirectory, !inode.lowers.isEmpty { throw .errno(.EXDEV) }
        if let replaced = replaced as? OverlayInode {
            if replaced.isDirectory {
                try target.removeDirectory(newName, replaced, context)
            } else {
                try target.unlink(newName, replaced, context)
            }
        }
        let file = try inode.copyUp(context)
        let (source, destination) = (try copyUp(context), try target.copyUp(context))
        let existing = try Self.find(newName, in: destination, context)
        if let existing, Self.isWhiteout(existing) { try destination.unlink(newName, existing, context) }
        try source.rename(name, file, to: destination, newName, replacing: nil, context)
        try whiteOut(name, context)
        target.children[newName] = nil
    }

    // MARK: - Extended attributes

    override func extendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) -> [UInt8] {
        if name.hasPrefix("trusted.overlay.") { throw .errno(.EOPNOTSUPP) }
        return try seen().extendedAttribute(name, context)
    }

    override func setExtendedAttribute(
        _ name: String,
        _ value: [UInt8],
        flags: UInt32,
        _ context: VfsContext
    ) throws(LxFailure) { try copyUp(context).setExtendedAttribute(name, value, flags: flags, context) }

    override func extendedAttributeNames(_ context: VfsContext) throws(LxFailure) -> [String] {
        try seen().extendedAttributeNames(context).filter { !$0.hasPrefix("trusted.overlay.") }
    }

    override func removeExtendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) {
        try copyUp(context).removeExtendedAttribute(name, context)
    }
}

private final class OverlayDirectoryFile: VfsFile {
    override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        guard let directory = inode as? OverlayInode else { throw .errno(.ENOTDIR) }
        return try directory.names(context)
    }

    override func synchronize(dataOnly: Bool, _ context: VfsContext) throws(LxFailure) {}
}
