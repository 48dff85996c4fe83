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
    /// | `move PATH FOLDER` | into another folder, without copying |
    /// | `open PATH [exclusive]`, `close PATH`, `delete-open PATH` | a program holds a file, and deletes it by its handle |
    /// | `lock PATH OFFSET LENGTH`, `unlock PATH OFFSET LENGTH` | ranges of a file that it holds |
    /// | `list PATH`, `find PATH NAME` | opens a folder; looks for a name in it |
    /// | `type PATH` | opens a file as most programs do, and reads it |
    /// | `target PATH` | reads the reparse point |
    /// | `nt-open NAME` | opens an object by its name |
    /// | `junction PATH TARGET`, `symlink PATH TARGET` | `mklink /J` and `mklink`, with `plain` behind it by who is no administrator; `\??\Volume{…}\` is the mount point of a volume |
    /// | `links PATH COUNT` | so many more names |
    /// | `deny PATH` | an ACL that refuses the user who started WSL |
    /// | `protect DRIVE`, `eject DRIVE` | a write-protected medium; a drive that is gone |
    /// | `allow-forced-case` | `DrvFsAllowForceCaseSensitivity` is set in the registry |
    /// | `medium DRIVE CONDITION` | see ``VolumeCondition`` |
    /// | `share \\SERVER\SHARE [CONDITION]` | a server of the network offers a folder |
    /// | `reach ADDRESS STATUS` | how an IPv4 host outside the machine answers a connection |
    /// | `network-down` | the adapter is turned off |
    /// | `metadata PATH` | asks for names of extended attributes and the reparse tag |
    /// | `attributes PATH LENGTH [INDEX]` | reads extended attributes into so much room |
    /// | `run PATH` | starts a program of Windows |
    /// | `programs`, `cwd PROGRAM`, `environment PROGRAM`, `arguments PROGRAM` | asks for what interop started |
    /// | `print PROGRAM TEXT`, `read PROGRAM`, `exit PROGRAM CODE` | a program that interop started writes, reads what is there, or ends |
    /// | `terminate PID` | Task Manager ends the pico process of a Linux process |
    /// | `hold-process PID`, `terminate-held PID` | the same in two steps |
    /// | `instance ...` | an instance is started with a wsl.conf and asked, see ``LxssManager`` |
    /// | `open-process PID RIGHT` | another program opens it: `terminate`, `vm-read`, `create-thread`; `nt:ID`: by NT's id |
    /// | `process NAME` | asks for the kind of a process: `minimal`, `pico`, `normal` |
    /// | `thread-token` | asks for the token of who it acts for |
    /// | `event NAME`, `objects FOLDER` | makes or opens an event; lists an object directory to its end |
    /// | `same NAME NAME` | compares two events that it opened |
    /// | `driver ABI [early]` | another driver registers a pico provider, `early`: before lxcore on a machine that starts |
    /// | `memory …`, `section …`, `view …`, `extend …` | see ``WindowsMemory`` |
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
            return try program(try word(1)).write(try word(2)).name
        case "read": return try program(try word(1)).read().name
        case "exit":
            guard let code = UInt32(try word(2)) else { throw EngineFailure("an exit code is a number") }
            try program(try word(1)).exit(code: code, machine)
            return NTSTATUS.STATUS_SUCCESS.name
        case "protect", "eject":
            guard let letter = try word(1).first, let volume = machine.drive(letter) else {
                return NTSTATUS.STATUS_OBJECT_PATH_NOT_FOUND.name
            }
            if try word(0) == "protect" { volume.isReadOnly = true } else { volume.condition = .dismounted }
            return NTSTATUS.STATUS_SUCCESS.name
        case "allow-forced-case":
            machine.allowsForcedCase = true
            return NTSTATUS.STATUS_SUCCESS.name
        case "medium", "share", "reach", "network-down", "driver", "process", "hold-process", "terminate-held":
            return try WindowsMachine(self).perform(command)
        case "event", "objects", "same", "thread-token", "run", "memory", "section", "view", "extend":
            return try kernel.perform(as: explorer) { () throws(EngineFailure) in
                try WindowsObjects(self, explorer).perform(command)
            }
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
        let given = id.hasPrefix("nt:") ? UInt64(id.dropFirst(3)) : nil
        guard let access = Self.rights[right],
            let unique = given ?? Int32(id).flatMap({ group(globalID: $0)?.address.ntProcess?.uniqueProcessID })
        else { throw EngineFailure("no process \(id), or no right \(right)") }
        var handle = Handle.null
        var status = kernel.NtOpenProcess(uniqueID: unique, access: access, handle: &handle)
        guard status.isSuccess else { return status.name }
        if ends { status = kernel.NtTerminateProcess(handle, status: .STATUS_CONTROL_C_EXIT) }
        kernel.NtClose(handle)
        return status.name
    }
}
