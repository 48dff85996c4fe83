// What happens to the machine beside Linux: media, servers, hosts, drivers, processes.
import Engine
import LinuxABI
import NTKernel

struct WindowsMachine {
    private let engine: WSL1Engine
    private var nt: NTExecutive { engine.kernel }

    init(_ engine: WSL1Engine) { self.engine = engine }

    func perform(_ command: [String]) throws(EngineFailure) -> String {
        func word(_ index: Int) throws(EngineFailure) -> String {
            guard index < command.count else { throw EngineFailure("'\(command.joined(separator: " "))' is cut") }
            return command[index]
        }
        switch command[0] {
        case "medium":
            guard let letter = try word(1).first, let volume = engine.machine.drive(letter) else {
                return NTSTATUS.STATUS_OBJECT_PATH_NOT_FOUND.name
            }
            volume.condition = try condition(try word(2))
            return NTSTATUS.STATUS_SUCCESS.name
        case "share":
            let parts = try word(1).split(separator: "\\").map(String.init)
            guard parts.count == 2 else { throw EngineFailure("a share is \\\\SERVER\\SHARE") }
            let volume = nt.MupAddShare(server: parts[0], share: parts[1])
            volume.condition = command.count > 2 ? try condition(command[2]) : .sound
            return NTSTATUS.STATUS_SUCCESS.name
        case "reach":
            let bytes = try word(1).split(separator: ".").compactMap { UInt8($0) }
            guard bytes.count == 4, let status = NTSTATUS.named(try word(2)) else {
                throw EngineFailure("a host is 192.0.2.1, its answer an NTSTATUS")
            }
            nt.AfdSetOutsideHost(bytes, answers: status)
            return NTSTATUS.STATUS_SUCCESS.name
        case "network-down":
            nt.NsiRemoveAddresses()
            return NTSTATUS.STATUS_SUCCESS.name
        case "driver": return try register(try word(1), isEarly: command.contains("early")).name
        case "process":
            let name = try word(1)
            guard let process = nt.processes.values.first(where: { $0.imageName == name }) else {
                throw EngineFailure("no process \(name)")
            }
            return "\(process.kind.rawValue), \(process.threads.count) threads"
        case "hold-process": return try hold(try word(1)).name
        default:
            guard let id = Int32(try word(1)), let handle = engine.machine.holdings.processes[id] else {
                return NTSTATUS.STATUS_INVALID_HANDLE.name
            }
            return nt.NtTerminateProcess(handle, status: .STATUS_CONTROL_C_EXIT).name
        }
    }

    private func condition(_ word: String) throws(EngineFailure) -> VolumeCondition {
        guard let condition = VolumeCondition(rawValue: word) else { throw EngineFailure("no medium is \(word)") }
        return condition
    }

    private func hold(_ id: String) throws(EngineFailure) -> NTSTATUS {
        guard let id = Int32(id), let process = engine.group(globalID: id)?.address.ntProcess else {
            throw EngineFailure("no process \(id)")
        }
        var handle = Handle.null
        let unique = process.uniqueProcessID
        let status = nt.NtOpenProcess(uniqueID: unique, access: .processTerminate, handle: &handle)
        if status.isSuccess { engine.machine.holdings.processes[id] = handle }
        return status
    }

    /// Another driver calls PsRegisterPicoProvider with tables of the size that `abi` had.
    private func register(_ abi: String, isEarly: Bool) throws(EngineFailure) -> NTSTATUS {
        guard let abi = PicoABI(rawValue: abi) else { throw EngineFailure("an ABI is th1, rs1, rs2 or rs4") }
        // Nothing of a machine that starts is there yet.
        let executive = isEarly ? NTExecutive(nt.configuration) : nt
        var routines = PicoRoutines(size: abi.picoRoutinesSize)
        return executive.PsRegisterPicoProvider(
            PicoProviderRoutines(size: abi.providerRoutinesSize),
            routines: &routines
        )
    }
}
