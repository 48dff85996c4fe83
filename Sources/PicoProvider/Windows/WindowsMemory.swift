// Memory and sections as Windows programs use them: 64 KB granularity, whole allocations, images.
import Engine
import LinuxABI
import NTKernel

/// What the user's shell holds besides files.
struct WindowsHoldings {
    /// By the file's path, or `pagefile`.
    var sections: [String: Handle] = [:]
    /// By Linux process id.
    var processes: [Int32: Handle] = [:]
}

struct WindowsMemory {
    private let engine: WSL1Engine
    private let process: EProcess
    private var nt: NTExecutive { engine.kernel }

    init(_ engine: WSL1Engine, _ process: EProcess) {
        self.engine = engine
        self.process = process
    }

    /// `memory reserve ADDRESS SIZE`, `commit`, `reset`, `decommit`, `free`, `release`, `protect ADDRESS SIZE PROTECTION`,
    /// `unmap`, `flush`, `lock`, `unlock`; a release of size 0 is that of a whole allocation.
    func perform(_ verb: String, _ base: UInt64, _ size: UInt64, _ protection: String?) throws(EngineFailure)
        -> NTSTATUS
    {
        var (base, size) = (base, size)
        let wanted = try Self.protection(protection ?? "rw")
        switch verb {
        case "reserve":
            return nt.NtAllocateVirtualMemory(process, base: &base, size: &size, type: .reserve, protection: wanted)
        case "commit":
            return nt.NtAllocateVirtualMemory(process, base: &base, size: &size, type: .commit, protection: wanted)
        case "decommit": return nt.NtFreeVirtualMemory(process, base: &base, size: &size, type: .decommit)
        case "release": return nt.NtFreeVirtualMemory(process, base: &base, size: &size, type: .release)
        case "protect":
            var old = PageProtection.noAccess
            return nt.NtProtectVirtualMemory(process, base: base, size: size, protection: wanted, old: &old)
        case "unmap": return nt.NtUnmapViewOfSection(process, base: base)
        case "lock": return nt.NtLockVirtualMemory(process, base: base, size: size)
        case "unlock": return nt.NtUnlockVirtualMemory(process, base: base, size: size)
        default: throw EngineFailure("Windows programs do no '\(verb)' with memory")
        }
    }

    /// `section FILE SIZE PROTECTION`; `pagefile` is a name, too.
    func section(_ path: String, _ size: UInt64, _ protection: String, file: Handle) throws(EngineFailure) -> NTSTATUS {
        var handle = Handle.null
        let wanted = try Self.protection(protection)
        let status = nt.NtCreateSection(&handle, maximumSize: size, protection: wanted, file: file)
        if status.isSuccess { engine.machine.holdings.sections[path] = handle }
        return status
    }

    /// `view FILE ADDRESS OFFSET SIZE PROTECTION`.
    func view(
        _ path: String,
        _ base: UInt64,
        _ offset: UInt64,
        _ size: UInt64,
        _ protection: String
    ) throws(EngineFailure) -> NTSTATUS {
        var (base, size) = (base, size)
        return nt.NtMapViewOfSection(
            engine.machine.holdings.sections[path] ?? .null,
            process: process,
            base: &base,
            offset: offset,
            viewSize: &size,
            protection: try Self.protection(protection)
        )
    }

    /// `extend FILE SIZE`.
    func extend(_ path: String, _ size: UInt64) -> NTSTATUS {
        nt.NtExtendSection(engine.machine.holdings.sections[path] ?? .null, size: size)
    }

    private static func protection(_ word: String) throws(EngineFailure) -> PageProtection {
        switch word {
        case "none": return .noAccess
        case "r": return .readOnly
        case "rw": return .readWrite
        case "copy": return .writeCopy
        case "x": return .executeRead
        default: throw EngineFailure("a protection is none, r, rw, copy or x")
        }
    }
}
