// File objects: one for each successful open.

/// `FILE_OBJECT`.
public final class FileObject: KernelObject {
    public let device: DeviceObject
    /// The file; nil for a volume or an endpoint.
    public let fcb: FileControlBlock?
    /// The name it was opened by; nil for the root directory and for opens by file reference of the root.
    let link: FileLink?
    /// The transport endpoint, for files of `\Device\Afd`.
    public let endpoint: AfdEndpoint?
    public let grantedAccess: AccessMask
    public let shareAccess: FileShare
    /// `FILE_DELETE_ON_CLOSE`, or set by disposition.
    var deletesOnClose = false
    var deletesWithPosixSemantics = false
    /// `CurrentByteOffset`.
    public internal(set) var currentByteOffset: Int64 = 0
    /// `NtQueryDirectoryFile` goes on after this collation key.
    var directoryCursor = DirectoryCursor.start
    /// `NtQueryEaFile` goes on with this one.
    var attributeCursor = 0
    /// The last handle is closed.
    var isCleanedUp = false

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

    override func handleClosed(isLast: Bool, by executive: NTExecutive) {
        guard isLast, !isCleanedUp else { return }
        isCleanedUp = true
        executive.ioStatistics.count(.cleanup)
        if let fcb { fcb.volume.cleanup(self, fcb) }
        if let endpoint { executive.closeEndpoint(endpoint) }
    }

    override func deleted(by executive: NTExecutive) { executive.ioStatistics.count(.close) }
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
    private var counts = [UInt64](repeating: 0, count: IrpMajorFunction.allCases.count)

    public subscript(function: IrpMajorFunction) -> UInt64 { counts[function.rawValue] }
    public private(set) var total: UInt64 = 0

    mutating func count(_ function: IrpMajorFunction) {
        counts[function.rawValue] += 1
        total += 1
    }
}
