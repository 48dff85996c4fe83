// The NT executive: one object that holds the state of every component and offers its routines.
import Tables

/// A model of the NT executive, as far as a pico provider can see it.
///
/// Routines carry their NT names and return ``NTSTATUS``; outputs are `inout`. Each call leaves one ``NtTrace``. The
/// model is single-threaded: a wait that cannot be satisfied answers `STATUS_PENDING` and is asked again later.
/// Components live in extensions: object (`Ob`), process (`Ps`), I/O (`Io`, `Nt…File`), memory (`Mm`), kernel
/// dispatcher (`Ke`), security (`Se`), ancillary function driver (`Afd`).
public final class NTExecutive {
    public let configuration: ExecutiveConfiguration

    // Trace
    var traces = NtTraceBuffer()
    /// What was drained last and may still be asked for.
    var keptTraces = NtTraceBuffer()
    let traceLimit: Int
    /// Routines called since the start, whether or not their traces were kept.
    public internal(set) var routineCount: UInt64 = 0

    // Object manager
    /// `\`.
    public let rootDirectory: ObjectDirectory
    /// The handle table of the System process: kernel handles live here.
    let systemHandles = HandleTable(isKernel: true)

    // Processes
    /// PID 4.
    public internal(set) var systemProcess: EProcess
    public internal(set) var processes: [UInt64: EProcess] = [:]
    var nextUniqueID: UInt64 = 8
    var pico = PicoState()
    /// The thread whose system call is being dispatched.
    public internal(set) var currentThread: EThread? {
        get { isThreadCurrent ? lastThread : nil }
        set {
            isThreadCurrent = newValue != nil
            if isThreadCurrent ? lastThread !== newValue : lastThread?.state == .terminated { lastThread = newValue }
        }
    }
    /// Stays between calls: the next one is mostly by the same thread.
    private var lastThread: EThread?
    private var isThreadCurrent = false

    /// Lets the thread that was current last run again, if it is that one.
    public func KeResume(_ thread: ObjectIdentifier?) -> Bool {
        guard let thread, let lastThread, ObjectIdentifier(lastThread) == thread else { return false }
        isThreadCurrent = true
        return true
    }

    /// No thread runs until the next call.
    public func KeSuspend() {
        isThreadCurrent = false
        if lastThread?.state == .terminated { lastThread = nil }
    }

    // Memory
    /// Pages charged against ``ExecutiveConfiguration/commitLimit``.
    public internal(set) var committedPages: UInt64 = 0
    var liveSections = IntegerTable<SectionObject>()

    // I/O
    public internal(set) var ioStatistics = IoStatistics()
    /// File objects for opens to come.
    var freeFileObjects: ContiguousArray<FileObject> = []
    public internal(set) var volumes: [NtfsVolume] = []
    /// The volume that the last open by reference was on, by a kernel handle that is open.
    var lastVolume: (handle: Handle, volume: Unmanaged<NtfsVolume>)?

    // Dispatcher
    var clock = SystemClock()
    var timerQueue: [KTimer] = []

    // Transport
    var compartments: [UInt32: Compartment] = [:]
    /// Shares by server, both in lower case.
    var servers: [String: [String: NtfsVolume]] = [:]
    /// What hosts outside the model answer to a connection: nil, nothing.
    var outsideHosts: [[UInt8]: NTSTATUS] = [:]
    var nextCompartment: UInt32 = 2
    let afdDevice: DeviceObject

    public init(_ configuration: ExecutiveConfiguration = ExecutiveConfiguration()) {
        self.configuration = configuration
        traceLimit = configuration.traceLimit
        rootDirectory = ObjectDirectory(name: "")
        systemProcess = EProcess(
            id: 4,
            kind: .minimal,
            token: .localSystem,
            parent: nil,
            imageName: "System",
            granularity: .allocation
        )
        afdDevice = DeviceObject(name: "\\Device\\Afd", type: .network)
        processes[4] = systemProcess
        compartments[Compartment.defaultID] = Compartment(id: Compartment.defaultID, configuration: configuration)
        let device = ObjectDirectory(name: "Device")
        rootDirectory.insert(device, "Device")
        rootDirectory.insert(ObjectDirectory(name: "??"), "??")
        rootDirectory.insert(ObjectDirectory(name: "BaseNamedObjects"), "BaseNamedObjects")
        device.insert(afdDevice, "Afd")
    }
}

/// The machine: what NT takes from firmware and registry.
public struct ExecutiveConfiguration: Sendable {
    /// Physical memory plus paging files, in 4 KB pages. Default: 16 GB.
    public var commitLimit: UInt64 = 4 << 20
    /// The build's shape of the pico interface.
    public var picoABI = PicoABI.rs4
    /// Entries kept between two drains of the trace.
    public var traceLimit = 128
    /// Bytes that a local stream connection buffers in each direction.
    public var socketBuffer = 2_621_440
    /// Dynamic ports (`netsh int ipv4 show dynamicport tcp`: 49152 and up on Windows since Vista).
    public var dynamicPorts: ClosedRange<UInt16> = 49152...65535
    /// Host addresses of the default compartment besides loopback.
    public var hostAddresses: [TransportAddress] = []

    public init() {}
}
