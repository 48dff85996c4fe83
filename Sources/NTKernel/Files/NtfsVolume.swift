// A mounted volume with NTFS semantics: file records, directory tree, clusters.
import Tables

/// An NTFS volume.
///
/// Content and metadata are kept in memory; nothing of the host is touched.
public final class NtfsVolume {
    public static let clusterSize: Int64 = 4096
    /// Links of one file record.
    public static let maximumLinks = 1024

    public let device: DeviceObject
    public let label: String
    public let serialNumber: UInt32
    /// Clusters.
    public let totalClusters: Int64
    public internal(set) var usedClusters: Int64 = 0
    /// What the file system can do (`FileFsAttributeInformation`): all of it on NTFS, nothing on FAT.
    public struct Features: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// `FILE_SUPPORTS_REPARSE_POINTS`.
        public static let reparsePoints = Features(rawValue: 0x80)
        /// `FILE_SUPPORTS_HARD_LINKS`.
        public static let hardLinks = Features(rawValue: 0x40_0000)
        /// `FILE_SUPPORTS_EXTENDED_ATTRIBUTES`.
        public static let extendedAttributes = Features(rawValue: 0x80_0000)
        /// Files of more than 4 GB.
        public static let largeFiles = Features(rawValue: 0x1)
        public static let ntfs: Features = [.reparsePoints, .hardLinks, .extendedAttributes, .largeFiles]
    }

    public let features: Features
    /// FAT and redirectors do not know the classes that came for Linux (inferred).
    var hasLinuxInformation: Bool { features.contains(.extendedAttributes) }
    /// Writes answer `STATUS_MEDIA_WRITE_PROTECTED`.
    public var isReadOnly = false
    /// What became of the medium; opens and transfers answer accordingly.
    public var condition = VolumeCondition.sound
    /// The root directory, record 5.
    public private(set) lazy var root = FileControlBlock(
        reference: 5 << 48 | 5,
        volume: self,
        isDirectory: true,
        attributes: [],
        time: executive.clock.systemTime
    )
    /// Live records by file reference, the root too.
    var records = IntegerTable<FileControlBlock>()
    /// File objects that have a handle, each at its ``FileObject/openIndex``.
    private(set) var openFiles: ContiguousArray<Unmanaged<FileObject>> = []
    private var nextRecord: UInt64 = 39  // lower numbers belong to the volume's own files
    /// Its owner.
    unowned(unsafe) let executive: NTExecutive

    init(
        device: DeviceObject,
        label: String,
        serialNumber: UInt32,
        totalClusters: Int64,
        features: Features,
        executive: NTExecutive
    ) {
        self.features = features
        self.device = device
        self.label = label
        self.serialNumber = serialNumber
        self.totalClusters = totalClusters
        self.executive = executive
        records[root.fileReference] = root
    }

    // MARK: - Populating, before anything is opened

    /// Puts a file or directory on the volume without any open: what a disk held before boot.
    ///
    /// The parent's times stay.
    ///
    /// - Parameter unseenLinks: names besides this one that are not going to be installed, as far as is known.
    /// - Returns: nil when the name exists or the parent is not a directory.
    @discardableResult
    public func install(
        _ name: String,
        in parent: FileControlBlock,
        isDirectory: Bool,
        times: FileTimes? = nil,
        data: DataStream = DataStream(),
        extendedAttributes: [ExtendedAttribute] = [],
        reparsePoint: ReparsePoint? = nil,
        unseenLinks: Int = 0
    ) -> FileControlBlock? {
        guard parent.isDirectory, parent.index.lookup(name, caseSensitive: true) == nil else { return nil }
        let file = newRecord(isDirectory: isDirectory, attributes: isDirectory ? [] : .archive)
        file.isCaseSensitive = isDirectory && parent.isCaseSensitive
        file.data = data
        usedClusters += Self.clusters(data.size)
        _ = file.extendedAttributes.apply(extendedAttributes)
        file.reparsePoint = reparsePoint
        file.unseenLinks = max(0, unseenLinks)
        let parentTimes = parent.times
        addLink(name, file, in: parent)
        parent.times = parentTimes
        if let times { file.times = times }
        return file
    }

    /// Replaces an installed file's metadata; its content and names stay.
    public func reinstall(_ file: FileControlBlock, times: FileTimes, extendedAttributes: [ExtendedAttribute]) {
        file.extendedAttributes = ExtendedAttributeSet()
        _ = file.extendedAttributes.apply(extendedAttributes)
        file.times = times
    }

    /// Another name for an installed file; one of its unseen names if it has any.
    @discardableResult
    public func installLink(_ name: String, in parent: FileControlBlock, to file: FileControlBlock) -> Bool {
        guard parent.index.lookup(name, caseSensitive: true) == nil, !file.isDirectory else { return false }
        file.unseenLinks = max(0, file.unseenLinks - 1)
        let parentTimes = parent.times
        addLink(name, file, in: parent)
        parent.times = parentTimes
        return true
    }

    /// Sets the root directory's metadata and case-sensitivity (children made later inherit the flag).
    public func installRoot(times: FileTimes?, extendedAttributes: [ExtendedAttribute], isCaseSensitive: Bool) {
        if let times { root.times = times }
        _ = root.extendedAttributes.apply(extendedAttributes)
        root.isCaseSensitive = isCaseSensitive
    }

    /// Tells content of a file that was unknown; neither times nor size change.
    public func prove(_ file: FileControlBlock, at offset: Int64, _ bytes: [UInt8]) {
        file.data.prove(at: offset, bytes)
    }

    /// Declares content unknown: somebody outside wrote it.
    public func forget(_ file: FileControlBlock, _ range: Range<Int64>) { file.data.forget(range) }

    /// Takes a name away without any check, and what is below it; open handles keep their files.
    public func uninstall(_ name: String, in parent: FileControlBlock) {
        guard let link = parent.index.lookup(name, caseSensitive: true) else { return }
        if link.file.isDirectory { for child in Array(link.file.index.links) { uninstall(child.name, in: link.file) } }
        let parentTimes = parent.times
        removeLink(link)
        parent.times = parentTimes
    }

    /// The record of a file reference; nil when there is none.
    public func file(_ reference: UInt64) -> FileControlBlock? { records[reference] }

    /// Exact lookup without an open; for populating and tests.
    public func lookup(_ name: String, in parent: FileControlBlock) -> FileControlBlock? {
        parent.index.lookup(name, caseSensitive: true)?.file
    }

    // MARK: - Open files

    func addOpen(_ object: FileObject) {
        object.openIndex = openFiles.count
        openFiles.append(Unmanaged.passUnretained(object))
    }

    func removeOpen(_ object: FileObject) {
        let last = openFiles.removeLast()
        let index = object.openIndex
        guard index < openFiles.count else { return }
        openFiles[index] = last
        last._withUnsafeGuaranteedRef { $0.openIndex = index }
    }

    /// Whether any file object with a handle is like that.
    func hasOpen(_ condition: (FileObject) -> Bool) -> Bool {
        openFiles.contains { $0._withUnsafeGuaranteedRef(condition) }
    }

    // MARK: - Records and links

    static func clusters(_ size: Int64) -> Int64 { (size + clusterSize - 1) / clusterSize }

    func newRecord(isDirectory: Bool, attributes: FileAttributes) -> FileControlBlock {
        let file = FileControlBlock(
            reference: 1 << 48 | nextRecord,
            volume: self,
            isDirectory: isDirectory,
            attributes: attributes,
            time: executive.clock.systemTime
        )
        nextRecord += 1
        records[file.fileReference] = file
        return file
    }

    @discardableResult
    func addLink(_ name: String, _ file: FileControlBlock, in parent: FileControlBlock) -> FileLink {
        let link = FileLink(name: name, parent: parent, file: file)
        parent.index.insert(link)
        file.links.append(link)
        touchDirectory(parent)
        return link
    }

    func removeLink(_ link: FileLink) {
        guard let parent = link.parent else { return }
        parent.index.remove(link)
        link.parent = nil
        let file = link.file
        file.links.removeAll { $0 === link }
        file.times.change = executive.clock.systemTime
        touchDirectory(parent)
        releaseIfUnused(file)
    }

    func touchDirectory(_ directory: FileControlBlock) {
        directory.times.lastWrite = executive.clock.systemTime
        directory.times.change = executive.clock.systemTime
        directory.changeNotification?(directory)
    }

    /// Frees the record of a file that has neither names, handles nor views.
    func releaseIfUnused(_ file: FileControlBlock) {
        guard file.isDeleted, file.openCount == 0, file.mappedViews == 0,
            records.remove(file.fileReference) != nil
        else { return }
        // What was put into a deleted directory has none any more.
        for link in file.index.links { link.parent = nil }
        usedClusters -= Self.clusters(file.data.size)
    }

    // MARK: - Sizes

    /// Moves the end of file.
    ///
    /// - Returns: `STATUS_USER_MAPPED_FILE` when shrinking below a view (`MmCanFileBeTruncated`), `STATUS_DISK_FULL`,
    ///   `STATUS_MEDIA_WRITE_PROTECTED`, `STATUS_INVALID_PARAMETER`.
    func setEndOfFile(_ file: FileControlBlock, _ size: Int64) -> NTSTATUS {
        guard size >= 0 else { return .STATUS_INVALID_PARAMETER }
        guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        if size < file.data.size, file.mappedViews > 0 { return .STATUS_USER_MAPPED_FILE }
        let status = allocate(file, size)
        guard status.isSuccess else { return status }
        file.data.setSize(size)
        contentChanged(file)
        return .STATUS_SUCCESS
    }

    func write(_ file: FileControlBlock, at offset: Int64, _ bytes: [UInt8]) -> NTSTATUS {
        guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        let (end, overflow) = offset.addingReportingOverflow(Int64(bytes.count))
        guard offset >= 0, !overflow else { return .STATUS_INVALID_PARAMETER }
        if end > file.data.size {
            let status = allocate(file, end)
            guard status.isSuccess else { return status }
        }
        file.data.write(at: offset, bytes)
        contentChanged(file)
        return .STATUS_SUCCESS
    }

    private func allocate(_ file: FileControlBlock, _ size: Int64) -> NTSTATUS {
        // What FAT has room for in a directory entry.
        guard size <= Int64(UInt32.max) || features.contains(.largeFiles) else { return .STATUS_FILE_TOO_LARGE }
        let growth = Self.clusters(size) - Self.clusters(file.data.size)
        guard usedClusters + growth <= totalClusters else { return .STATUS_DISK_FULL }
        usedClusters += growth
        return .STATUS_SUCCESS
    }

    private func contentChanged(_ file: FileControlBlock) {
        file.times.lastWrite = executive.clock.systemTime
        file.times.change = executive.clock.systemTime
        file.attributes.formUnion(.archive)
        file.changeNotification?(file)
    }
}
