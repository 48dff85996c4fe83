// What the user's shell does beside files: events, tokens, memory, programs.
import Engine
import LinuxABI
import NTKernel

struct WindowsObjects {
    private let engine: WSL1Engine
    private let shell: EThread?
    private var nt: NTExecutive { engine.kernel }

    init(_ engine: WSL1Engine, _ shell: EThread?) {
        self.engine = engine
        self.shell = shell
    }

    func perform(_ command: [String]) throws(EngineFailure) -> String {
        func word(_ index: Int) throws(EngineFailure) -> String {
            guard index < command.count else { throw EngineFailure("'\(command.joined(separator: " "))' is cut") }
            return command[index]
        }
        func number(_ index: Int) throws(EngineFailure) -> UInt64 {
            let text = try word(index)
            let found = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
            guard let found else { throw EngineFailure("'\(text)' is no number") }
            return found
        }
        guard let shell else { throw EngineFailure("no Windows program runs") }
        let memory = WindowsMemory(engine, shell.process)
        switch command[0] {
        case "event": return event(try word(1)).name
        case "objects": return list(try word(1)).name
        case "same":
            let handles = engine.machine.openOnWindows
            return nt.NtCompareObjects(handles[try word(1)] ?? .null, handles[try word(2)] ?? .null).name
        case "thread-token":
            var handle = Handle.null
            return nt.NtOpenThreadToken(shell, handle: &handle).name
        case "run": return run(try word(1)).name
        case "memory":
            let protection = command.count > 4 ? command[4] : nil
            return try memory.perform(try word(1), try number(2), try number(3), protection).name
        case "section":
            let path = try word(1)
            let (size, protection) = (try number(2), try word(3))
            guard path != "pagefile" else { return try memory.section(path, size, protection, file: .null).name }
            return try WindowsFiles(engine).withSource(path, writes: protection == "rw") { file throws(EngineFailure) in
                try memory.section(path, size, protection, file: file)
            }.name
        case "view":
            return try memory.view(try word(1), try number(2), try number(3), try number(4), try word(5)).name
        default: return memory.extend(try word(1), try number(2)).name
        }
    }

    private func event(_ name: String) -> NTSTATUS {
        var handle = Handle.null
        let status = nt.NtCreateEvent(&handle, name: name)
        if status.isSuccess { engine.machine.openOnWindows[name] = handle }
        return status
    }

    /// The last answer, after all names.
    private func list(_ folder: String) -> NTSTATUS {
        var names: [String] = []
        var index = 0
        while true {
            let status = nt.NtQueryDirectoryObject(folder, from: index, limit: 2, names: &names)
            guard status == .STATUS_SUCCESS else { return status }
            index += names.count
        }
    }

    private func run(_ path: String) -> NTSTATUS {
        var thread: EThread?
        return WindowsFiles(engine).withSource(path, access: .fileExecute) { file in
            nt.NtCreateUserProcess(imageName: path, commandLine: path, image: file, token: engine.user, thread: &thread)
        }
    }
}
