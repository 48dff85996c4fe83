// Process objects: normal, minimal and pico (pico-interface.md §1).

/// `EPROCESS`.
public final class EProcess: DispatcherObject {
    public enum Kind: String, Sendable { case normal, minimal, pico }
    public enum Granularity: Sendable {
        /// 64 KB, as Win32 processes have it.
        case allocation
        /// 4 KB, pico processes only.
        case page
    }

    /// `UniqueProcessId`; a multiple of four.
    public let uniqueProcessID: UInt64
    public let kind: Kind
    /// The provider's process, when `kind` is `.pico`.
    public internal(set) var picoContext: AnyObject?
    public internal(set) var token: AccessToken
    public let inheritedFrom: UInt64?
    public internal(set) var imageName: String
    public internal(set) var commandLine = ""
    public let addressSpace: AddressSpace
    let handleTable = HandleTable(isKernel: false)
    /// Live threads in order of creation.
    public internal(set) var threads: [EThread] = []
    public internal(set) var exitStatus: UInt32?
    public internal(set) weak var job: EJob?
    /// Compartment that new endpoints of its threads belong to.
    public var networkCompartment = Compartment.defaultID
    var isExiting = false
    /// Pages of minimum working set that a process has by default.
    static let minimumWorkingSet = 50
    /// `NtLockVirtualMemory`.
    var lockedPages: Set<UInt64> = []

    /// The process left: its last thread is gone and its address space is torn down.
    public var hasExited: Bool { exitStatus != nil && isDeletedAddressSpace }
    var isDeletedAddressSpace = false

    init(
        id: UInt64,
        kind: Kind,
        token: AccessToken,
        parent: EProcess?,
        imageName: String,
        granularity: Granularity
    ) {
        uniqueProcessID = id
        self.kind = kind
        self.token = token
        inheritedFrom = parent?.uniqueProcessID
        self.imageName = imageName
        addressSpace = AddressSpace(granularity: granularity)
        super.init(type: .process)
        job = parent?.job
        networkCompartment = parent?.networkCompartment ?? Compartment.defaultID
    }
}

/// `EJOB`: a set of processes that end together.
public final class EJob: KernelObject {
    public internal(set) var members: [EProcess] = []

    init() { super.init(type: .job) }
}
