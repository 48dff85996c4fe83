// The Windows machine: the executive with the provider registered, its drives, its user and its programs.
import Engine
import LinuxABI
import NTKernel

/// One machine runs any number of instances: they share the executive, the drives and the TCP/IP stack, and nothing of
/// Linux (pico-interface.md §6).
final class LxMachine {
    let build: WSL1Build
    let kernel: NTExecutive
    private(set) var routines: PicoRoutines
    /// Who starts WSL; elevated unless chosen otherwise.
    let user: AccessToken
    /// Windows programs that run, oldest first.
    var programs: [WindowsProgram] = []
    /// The user's shell.
    var shell: EThread?
    /// Handles that Windows programs hold, by path.
    var openOnWindows: [String: Handle] = [:]
    /// `DrvFsAllowForceCaseSensitivity` in the registry (RN:17110).
    var allowsForcedCase = false
    /// What else the user's shell holds.
    var holdings = WindowsHoldings()
    private(set) var engines: [LxWeak<WSL1Engine>] = []
    private var isRegistered = false

    init(build: WSL1Build, isElevated: Bool = true) {
        self.build = build
        var configuration = ExecutiveConfiguration()
        // One address besides loopback.
        configuration.hostAddresses = [TransportAddress(family: .ipv4, bytes: [172, 16, 0, 2], port: 0)]
        configuration.picoABI = build.picoABI
        kernel = NTExecutive(configuration)
        routines = PicoRoutines(size: build.picoABI.picoRoutinesSize)
        user = Self.token(isElevated: isElevated)
    }

    /// The token that a launch from an administrator's or from a plain window has.
    func token(isElevated: Bool) -> AccessToken {
        isElevated == user.isElevated ? user : Self.token(isElevated: isElevated)
    }

    private static func token(isElevated: Bool) -> AccessToken {
        AccessToken(
            user: SecurityIdentifier(authority: 5, [21, 1, 2, 3, 1001]),
            groups: isElevated ? [.administrators, .users] : [.users],
            privileges: isElevated ? [.createSymbolicLink, .backup, .restore, .takeOwnership] : []
        )
    }

    /// An instance starts: lxcore registers before its first process, and only once.
    func add(_ engine: WSL1Engine) throws(EngineFailure) {
        engines.removeAll { $0.object == nil }
        engines.append(LxWeak(engine))
        guard !isRegistered else { return }
        isRegistered = true
        kernel.KeInitializeClock(
            systemTime: NTExecutive.epoch1970 + engine.environment.startRealtime / 100,
            interruptTime: engine.environment.startMonotonic / 100
        )
        // The inhabitants that are no pico processes (pico-interface.md §1).
        for name in ["Secure System", "MemCompression"] {
            var handle = Handle.null
            _ = kernel.PsCreateMinimalProcess(imageName: name, handle: &handle)
            _ = kernel.NtClose(handle)
        }
        try registerProvider()
    }

    /// lxcore's driver entry: registers as the one provider before the window closes.
    private func registerProvider() throws(EngineFailure) {
        var provider = PicoProviderRoutines(size: build.picoABI.providerRoutinesSize)
        provider.terminateProcess = { [unowned self] process, status in
            kernel.PspTerminatePicoProcess(process, status: status)
        }
        provider.exitProcess = { process in
            (process.picoContext as? LxpPicoContext)?.engine?.processRanDown(process)
        }
        provider.dispatchException = { exception in
            guard let context = exception.thread.picoContext as? LxpPicoContext, let engine = context.engine else {
                return false
            }
            return engine.dispatchException(exception, on: context.task)
        }
        let status = kernel.PsRegisterPicoProvider(provider, routines: &routines)
        guard status.isSuccess else { throw EngineFailure("PsRegisterPicoProvider answered \(status.name)") }
        kernel.PspDisablePicoRegistration()
    }

    /// The volume behind a letter, made on first use: an NTFS volume C: and a FAT volume D:.
    func drive(_ letter: Character) -> NtfsVolume? {
        if let known = kernel.volume(ofDrive: letter) { return known }
        switch letter {
        case "C": return kernel.IoMountVolume(drive: letter, label: "Windows", features: .ntfs)
        case "D": return kernel.IoMountVolume(drive: letter, label: "Removable", features: [])
        default: return nil
        }
    }
}

/// What the kernel keeps of a pico process or thread for the provider, and hands back.
final class LxpPicoContext {
    private let link: LxLink<WSL1Engine>
    let task: TaskID
    var engine: WSL1Engine? { link.object }

    init(_ engine: WSL1Engine, _ task: TaskID) {
        link = engine.link
        self.task = task
    }
}

extension WSL1Build {
    /// The shape of the pico interface (PICO).
    var picoABI: PicoABI {
        switch number {
        case ..<15063: .rs1
        case ..<17134: .rs2
        default: .rs4
        }
    }
}
