// One file of the recorded world, by whatever names it goes.
import Engine
import LinuxABI
import Tables
import TraceLog

/// Files that calls made and that nothing refers to any more, by these calls.
final class Departures {
    var makers: [UInt64] = []
}

/// A file: what it was at time zero, and what the recorded calls have made of it since.
final class FileNode {
    let id: UInt64
    /// Its name at time zero; nil when the recording made it.
    let initialPath: String?
    var kind: Environment.File.Kind
    /// Known since this state: time zero for initial files, creation for others.
    var status: FileStatus?
    var linkTarget: String?
    /// Time-zero content proven so far.
    private(set) var content: [Environment.Extent] = []
    /// Positions in `content` by offset.
    private var extents = IntegerTable<Int>()
    /// Offsets whose time-zero content is known, or that the recording has overwritten since.
    var settled = RangeSet()
    /// Offsets that the recording has overwritten.
    var overwritten = RangeSet()
    /// Attributes or content were changed by recorded calls: status no longer tells the present.
    var isModified = false
    /// Present size as far as recorded calls tell.
    var size: Int64?
    var extendedAttributes: [String: [UInt8]] = [:]
    /// The call that made it; nil for initial files.
    let createdBy: UInt64?
    /// Permission bits it was made with.
    var createdMode: UInt32 = 0o644
    /// Names at time zero, in getdents order, once a complete listing proved them.
    var listing: [String]?
    /// Names that recorded calls added to and removed from this directory since time zero.
    var added: Set<String> = []
    var removed: Set<String> = []
    /// Inode number from a listing, when no stat told it.
    var listedInode: UInt64 = 0
    /// How many names refer to it now, as far as known.
    var names = 1
    var mark: Mark?
    private let departures: Departures?

    init(
        id: UInt64,
        kind: Environment.File.Kind,
        initialPath: String?,
        createdBy: UInt64?,
        departures: Departures? = nil
    ) {
        self.id = id
        self.kind = kind
        self.initialPath = initialPath
        self.createdBy = createdBy
        self.departures = departures
    }

    deinit { if let createdBy { departures?.makers.append(createdBy) } }

    /// Takes in what a stat call or the recorder's lstat said.
    func learn(_ status: FileStatus) {
        self.status = status
        kind = Self.kind(mode: status.mode)
        if size == nil { size = status.size }
    }

    static func kind(mode: UInt32) -> Environment.File.Kind {
        // Type values: inode(7).
        switch mode & Linux.typeMask {
        case 0o040000: .directory
        case 0o120000: .symbolicLink
        case 0o010000: .fifo
        case 0o140000: .socket
        case 0o020000: .characterDevice
        case 0o060000: .blockDevice
        default: .regular
        }
    }

    /// A directory entry's `d_type` (values of `DT_*`: the type bits of the mode, shifted by 12).
    static func kind(entryType: UInt8) -> Environment.File.Kind { kind(mode: UInt32(entryType) << 12) }

    /// Bytes that a recorded call read at `offset`.
    ///
    /// - Returns: false when they contradict bytes already proven, with no recorded write between.
    func prove(_ bytes: [UInt8], at offset: Int64) -> Bool {
        // The same bytes again, as each start of a program reads its libraries.
        if overwritten.ranges.isEmpty, let known = extents[UInt64(bitPattern: offset)],
            PathWalks.equal(content[known].bytes, bytes[...])
        {
            return true
        }
        let range = offset..<(offset + Int64(bytes.count))
        for gap in settled.gaps(in: range) {
            let part = bytes[Int(gap.lowerBound - offset)..<Int(gap.upperBound - offset)]
            extents[UInt64(bitPattern: gap.lowerBound)] = content.count
            content.append(Environment.Extent(offset: gap.lowerBound, bytes: Array(part)))
        }
        settled.insert(range)
        return agrees(bytes, at: offset)
    }

    private func agrees(_ bytes: [UInt8], at offset: Int64) -> Bool {
        let range = offset..<(offset + Int64(bytes.count))
        for extent in content {
            let known = extent.offset..<(extent.offset + Int64(extent.bytes.count))
            let common = known.clamped(to: range)
            for part in overwritten.gaps(in: common) where !part.isEmpty {
                let old = extent.bytes[Int(part.lowerBound - extent.offset)..<Int(part.upperBound - extent.offset)]
                let new = bytes[Int(part.lowerBound - offset)..<Int(part.upperBound - offset)]
                if !old.elementsEqual(new) { return false }
            }
        }
        return true
    }

    func overwrite(_ range: Range<Int64>) {
        overwritten.insert(range)
        settled.insert(range)
        isModified = true
        if range.upperBound != .max { size = max(size ?? 0, range.upperBound) }
    }

    func truncate(to length: Int64) {
        overwritten.insert(length..<Int64.max)
        settled.insert(length..<Int64.max)
        size = length
        isModified = true
    }

    /// The file as a graft or an environment needs it.
    func file(at path: String) -> Environment.File {
        var file = Environment.File(path: path, kind: kind, mode: createdMode & 0o7777)
        if let status {
            file.mode = status.mode & 0o7777
            file.uid = status.uid
            file.gid = status.gid
            file.links = status.links
            file.inode = status.inode
            file.device = status.device
            file.specialDevice = status.specialDevice
            file.size = status.size
            file.blocks = status.blocks
            file.blockSize = status.blockSize
            file.accessTime = status.accessTime
            file.modificationTime = status.modificationTime
            file.changeTime = status.changeTime
        }
        file.linkTarget = linkTarget
        file.extendedAttributes = extendedAttributes
        return file
    }
}
