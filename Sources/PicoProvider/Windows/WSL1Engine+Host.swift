// What Windows programs do beside the instance: open, write, link, refuse, end. For checks and tests.
public import Engine
import LinuxABI
import NTKernel

extension WSL1Engine: HostedEngine {
    /// Commands, each answered by an NTSTATUS unless it asks for something:
    ///
    /// | command | what |
    /// | --- | --- |
    /// | `create PATH [TEXT]`, `append PATH TEXT`, `mkdir PATH`, `delete PATH`, `rename PATH NAME` | files, as Windows tools make and change them |
    /// | `open PATH [exclusive]`, `close PATH` | a program holds a file |
    /// | `junction PATH TARGET` | `mklink /J`; `\??\Volume{…}\` is the mount point of a volume |
    /// | `links PATH COUNT` | so many more names |
    /// | `deny PATH` | an ACL that refuses the user who started WSL |
    /// | `protect DRIVE`, `eject DRIVE` | a write-protected medium; a drive that is gone |
    /// | `metadata PATH` | asks for names of extended attributes and the reparse tag |
    /// | `programs`, `cwd PROGRAM`, `environment PROGRAM`, `arguments PROGRAM` | asks for what interop started |
    /// | `print PROGRAM TEXT`, `exit PROGRAM CODE` | a program that interop started writes, or ends |
    /// | `terminate PID` | Task Manager ends the pico process of a Linux process |
    /// | `instance ...` | an instance is started with a wsl.conf and asked, see ``LxssManager`` |
    /// | `open-process PID RIGHT` | another program opens it: `terminate`, `vm-read`, `create-thread` |
    ///
    /// A path is `C:\…`, `D:\…`, or `ROOT\…` on the volume of the distribution.
    public func host(_ command: [String]) throws(EngineFailure) -> String {
        func word(_ index: Int) throws(EngineFailure) -> String {
            guard index < command.count else { throw EngineFailure("'\(command.joined(separator: " "))' is cut") }
            return command[index]
        }
        defer {
            _ = kernel.drainTrace()
            events += 1
        }
        let explorer = windowsShell()
        switch try word(0) {
        case "instance": return try LxssManager.ask(Array(command.dropFirst()), build: build.number)
        case "programs": return machine.programs.map(\.name).joined(separator: " ")
        case "cwd": return try program(try word(1)).workingDirectory
        case "environment": return try program(try word(1)).environment.joined(separator: " ")
        case "arguments": return try program(try word(1)).arguments.joined(separator: " ")
        case "print":
            try program(try word(1)).write(try word(2))
            return NTSTATUS.STATUS_SUCCESS.name
        case "exit":
            guard let code = UInt32(try word(2)) else { throw EngineFailure("an exit code is a number") }
            try program(try word(1)).exit(code: code, machine)
            return NTSTATUS.STATUS_SUCCESS.name
        case "protect", "eject":
            guard let letter = try word(1).first, let volume = machine.drive(letter) else {
                return NTSTATUS.STATUS_OBJECT_PATH_NOT_FOUND.name
            }
            if try word(0) == "protect" { volume.isReadOnly = true } else { volume.isDismounted = true }
            return NTSTATUS.STATUS_SUCCESS.name
        case "terminate", "open-process":
            let right = command.count > 2 ? command[2] : "terminate"
            return try openProcess(try word(1), right, ends: try word(0) == "terminate")
        default:
            let path = try word(1)
            let rest = Array(command.dropFirst(2))
            let verb = try word(0)
            return try kernel.perform(as: explorer) { () throws(EngineFailure) in
                try WindowsFiles(self).perform(verb, path, rest)
            }
        }
    }

    /// The user's shell, which does what users do by hand.
    private func windowsShell() -> EThread? {
        if let known = machine.shell { return known }
        _ = kernel.NtCreateUserProcess(
            imageName: "C:\\Windows\\explorer.exe",
            commandLine: "explorer.exe",
            token: machine.user,
            thread: &machine.shell
        )
        return machine.shell
    }

    private func program(_ name: String) throws(EngineFailure) -> WindowsProgram {
        guard let found = machine.programs.last(where: { $0.name == name }) else {
            throw EngineFailure("no Windows program \(name) runs")
        }
        return found
    }

    private static let rights: [String: AccessMask] = [
        "terminate": .processTerminate, "query": .processQueryLimitedInformation, "vm-read": .processVMRead,
        "vm-write": .processVMWrite, "create-thread": .processCreateThread, "duplicate": .processDuplicateHandle,
    ]

    private func openProcess(_ id: String, _ right: String, ends: Bool) throws(EngineFailure) -> String {
        guard let id = Int32(id), let process = group(globalID: id)?.address.ntProcess,
            let access = Self.rights[right]
        else { throw EngineFailure("no process \(id), or no right \(right)") }
        var handle = Handle.null
        var status = kernel.NtOpenProcess(uniqueID: process.uniqueProcessID, access: access, handle: &handle)
        guard status.isSuccess else { return status.name }
        if ends { status = kernel.NtTerminateProcess(handle, status: .STATUS_CONTROL_C_EXIT) }
        kernel.NtClose(handle)
        return status.name
    }
}
