// File objects: one for each successful open.

/// `FILE_OBJECT`.
///
/// An object that everybody let go of serves the next open (``NTExecutive/freeFileObjects``): what an open sets is
/// variable.
public final class FileObject: KernelObject {
    /// In the name space or of the executive, and so longer there than any file object.
    public private(set) unowned(unsafe) var device: DeviceObject
    /// The file; nil for a volume or an endpoint.
    public private(set) var fcb: FileControlBlock?
    /// The name it was opened by; nil for the root directory and for opens by file reference of the root.
    private(set) var link: FileLink?
    /// The transport endpoint, for files of `\Device\Afd`.
    public let endpoint: AfdEndpoint?
    public private(set) var grantedAccess: AccessMask
    public private(set) var shareAccess: FileShare
    /// `FILE_DELETE_ON_CLOSE`, or set by disposition.
    var deletesOnClose = false
    var deletesWithPosixSemantics = false
    /// The last handle is closed.
    var isCleanedUp = false
    /// Where its volume lists it while it has a handle.
    var openIndex = 0
    /// `CurrentByteOffset`.
    public internal(set) var currentByteOffset: Int64 = 0
    /// `NtQueryDirectoryFile` goes on after this collation key.
    var directoryCursor = DirectoryCursor.start
    /// `NtQueryEaFile` goes on with this one.
    var attributeCursor = 0

    enum DirectoryCursor {
        case start, selfReturned, parentReturned
        case after(String)

        var isStart: Bool { if case .start = self { true } else { false } }
    }

    init(
        device: DeviceObject,
        fcb: FileControlBlock? = nil,
        link: FileLink? = nil,
        endpoint: AfdEndpoint? = nil,
        grantedAccess: AccessMask,
        shareAccess: FileShare
    ) {
        self.device = device
        self.fcb = fcb
        self.link = link
        self.endpoint = endpoint
        self.grantedAccess = grantedAccess
        self.shareAccess = shareAccess
        super.init(type: .file)
    }

    /// A new object in the place of one that is gone.
    func reuse(
        device: DeviceObject,
        fcb: FileControlBlock,
        link: FileLink?,
        grantedAccess: AccessMask,
        shareAccess: FileShare
    ) {
        renew()
        self.device = device
        self.fcb = fcb
        self.link = link
        self.grantedAccess = grantedAccess
        self.shareAccess = shareAccess
        deletesOnClose = false
        deletesWithPosixSemantics = false
        isCleanedUp = false
        currentByteOffset = 0
        attributeCursor = 0
    }

    /// Keeps nothing alive.
    func letGo() {
        fcb = nil
        link = nil
        if !directoryCursor.isStart { directoryCursor = .start }
    }

    override func handleClosed(isLast: Bool, by executive: NTExecutive) {
        guard isLast, !isCleanedUp else { return }
        isCleanedUp = true
        executive.ioStatistics.count(.cleanup)
        if let fcb { fcb.volume.cleanup(self, fcb) }
        if let endpoint { executive.closeEndpoint(endpoint) }
    }

    override func deleted(by executive: NTExecutive) { executive.ioStatistics.count(.close) }
}

extension NTExecutive {
    /// A file object with no handle yet.
    func makeFileObject(
        _ device: DeviceObject,
        _ fcb: FileControlBlock,
        _ link: FileLink?,
        _ access: AccessMask,
        _ share: FileShare
    ) -> FileObject {
        guard let object = freeFileObjects.popLast() else {
            return FileObject(device: device, fcb: fcb, link: link, grantedAccess: access, shareAccess: share)
        }
        object.reuse(device: device, fcb: fcb, link: link, grantedAccess: access, shareAccess: share)
        return object
    }

    /// Takes back a deleted object to which nothing but this reference leads.
    func reclaim(_ object: FileObject) {
        guard object.endpoint == nil, freeFileObjects.count < Self.freeFileObjectLimit else { return }
        object.letGo()
        freeFileObjects.append(object)
    }

    /// Look-aside lists are short.
    static let freeFileObjectLimit = 32
}

/// `IO_STATUS_BLOCK`.
public struct IoStatusBlock: Sendable {
    public enum CreateResult: UInt64, Sendable {
        case superseded = 0
        case opened = 1
        case created = 2
        case overwritten = 3
    }

    /// Bytes moved, or a ``CreateResult``.
    public var information: UInt64 = 0
    public var createResult: CreateResult? { CreateResult(rawValue: information) }

    public init() {}
}

/// IRP major functions that this model sends.
public enum IrpMajorFunction: Int, Sendable, CaseIterable {
    case create, cleanup, close, read, write, queryInformation, setInformation, queryEA, setEA, flushBuffers
    case queryVolumeInformation, directoryControl, fileSystemControl, deviceControl, lockControl
}

/// How many I/O request packets were sent, by major function.
public struct IoStatistics: Sendable {
    private var counts = InlineArray<15, UInt64>(repeating: 0)

    public subscript(function: IrpMajorFunction) -> UInt64 { counts[function.rawValue] }
    public private(set) var total: UInt64 = 0

    @inline(__always)
    mutating func count(_ function: IrpMajorFunction, times: UInt64 = 1) {
        counts[function.rawValue] &+= times
        total &+= times
    }
}
