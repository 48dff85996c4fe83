// What the suites share: a small machine, short forms of the common calls, a seeded generator.
import Testing

@testable import NTKernel

final class ProviderContext {}

/// An executive with one volume whose root is case-sensitive, and a registered provider.
final class Machine {
    let nt: NTExecutive
    let volume: NtfsVolume
    let root: Handle
    var routines: PicoRoutines
    /// What the provider was told, in order.
    var events: [String] = []

    init(_ configuration: ExecutiveConfiguration = ExecutiveConfiguration(), clusters: Int64 = 1 << 20) {
        nt = NTExecutive(configuration)
        nt.KeInitializeClock(systemTime: NTExecutive.epoch1970, interruptTime: 1000)
        volume = nt.IoMountVolume(label: "System", clusters: clusters)
        volume.installRoot(times: nil, extendedAttributes: [], isCaseSensitive: true)
        routines = PicoRoutines(size: configuration.picoABI.picoRoutinesSize)
        var handle = Handle.null
        var block = IoStatusBlock()
        _ = nt.NtCreateFile(
            &handle,
            access: .fileAllAccess,
            attributes: ObjectAttributes(name: "\\Device\\HarddiskVolume1"),
            status: &block,
            disposition: .open,
            options: .directoryFile
        )
        root = handle
        var provider = PicoProviderRoutines(size: configuration.picoABI.providerRoutinesSize)
        provider.exitThread = { [unowned self] in events.append("exit thread \($0.uniqueThreadID)") }
        provider.exitProcess = { [unowned self] process in
            events.append("exit process \(process.uniqueProcessID) with \(process.addressSpace.descriptors.count) VADs")
        }
        _ = nt.PsRegisterPicoProvider(provider, routines: &routines)
    }

    // MARK: - Files

    func open(
        _ name: String,
        _ access: AccessMask = .fileAllAccess,
        in directory: Handle? = nil,
        share: FileShare = .all,
        disposition: CreateDisposition = .open,
        options: CreateOptions = .openReparsePoint
    ) -> (handle: Handle, status: NTSTATUS) {
        var handle = Handle.null
        var block = IoStatusBlock()
        let status = nt.NtCreateFile(
            &handle,
            access: access,
            attributes: ObjectAttributes(rootDirectory: directory ?? root, name: name),
            status: &block,
            share: share,
            disposition: disposition,
            options: options
        )
        return (handle, status)
    }

    func make(_ name: String, isDirectory: Bool = false) -> NTSTATUS {
        let (handle, status) = open(
            name,
            disposition: .create,
            options: isDirectory ? .directoryFile : .nonDirectoryFile
        )
        if status.isSuccess { nt.NtClose(handle) }
        return status
    }

    func delete(_ name: String, posix: Bool = true) -> NTSTATUS {
        let (handle, status) = open(name, [.delete, .synchronize])
        guard status.isSuccess else { return status }
        defer { nt.NtClose(handle) }
        return nt.NtSetInformationFile(handle, .dispositionEx(posix ? [.delete, .posixSemantics] : .delete))
    }

    func rename(_ name: String, to new: String, in directory: Handle? = nil) -> NTSTATUS {
        let (handle, status) = open(name, [.delete, .synchronize])
        guard status.isSuccess else { return status }
        defer { nt.NtClose(handle) }
        return nt.NtSetInformationFile(
            handle,
            .renameEx([.replaceIfExists, .posixSemantics], rootDirectory: directory ?? root, name: new)
        )
    }

    func link(_ name: String, to new: String) -> NTSTATUS {
        let (handle, status) = open(name)
        guard status.isSuccess else { return status }
        defer { nt.NtClose(handle) }
        return nt.NtSetInformationFile(handle, .linkEx(replaceIfExists: false, rootDirectory: root, name: new))
    }

    func write(_ handle: Handle, _ text: String, at offset: Int64 = 0) -> NTSTATUS {
        var block = IoStatusBlock()
        return nt.NtWriteFile(handle, status: &block, bytes: Array(text.utf8), byteOffset: offset)
    }

    func read(_ handle: Handle, _ count: Int = 100, at offset: Int64 = 0) -> (text: String, status: NTSTATUS) {
        var block = IoStatusBlock()
        var buffer = DataStream.ReadResult()
        let status = nt.NtReadFile(handle, status: &block, length: count, byteOffset: offset, buffer: &buffer)
        return (String(decoding: buffer.bytes, as: UTF8.self), status)
    }

    // MARK: - Processes

    func process(parent: EProcess? = nil, flags: PicoProcessAttributes.Flags = []) throws -> EProcess {
        var handle = Handle.null
        let attributes = PicoProcessAttributes(parent: parent, context: ProviderContext(), flags: flags)
        try #require(nt.PspCreatePicoProcess(attributes, PicoCreateInfo(imageName: "init"), handle: &handle).isSuccess)
        return try object(handle)
    }

    func thread(_ process: EProcess, registers: Context = Context()) throws -> EThread {
        var handle = Handle.null
        let attributes = PicoThreadAttributes(process: process, registers: registers, context: ProviderContext())
        try #require(nt.PspCreatePicoThread(attributes, nil, handle: &handle).isSuccess)
        return try object(handle)
    }

    /// The object of a handle, which is closed.
    private func object<Body: KernelObject>(_ handle: Handle) throws -> Body {
        var object: Body?
        try #require(nt.ObReferenceObjectByHandle(handle, object: &object).isSuccess)
        nt.NtClose(handle)
        return try #require(object)
    }

    func checkInvariants(_ location: SourceLocation = #_sourceLocation) {
        let broken = nt._checkInvariants()
        #expect(broken.isEmpty, "\(broken)", sourceLocation: location)
    }
}

/// SplitMix64: the same operations at every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
