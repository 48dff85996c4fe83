// A Windows program that the instance started: /init relays its handles and its exit status.
import LinuxABI
import NTKernel

/// What the service knows of a process that it created for the Linux side (pico-interface.md §7, point 7).
final class WindowsProgram {
    let thread: EThread
    /// `C:\Windows\notepad.exe`.
    let image: String
    let arguments: [String]
    let workingDirectory: String
    /// `NAME=value`, as far as WSLENV hands them over.
    let environment: [String]
    /// The Linux process that runs /init in place of the program.
    weak var relay: LxThread?
    private let link: LxLink<WSL1Engine>
    var engine: WSL1Engine? { link.object }

    var process: EProcess { thread.process }
    /// `notepad.exe`.
    var name: String { image.split(separator: "\\").last.map(String.init) ?? image }

    init(
        thread: EThread,
        image: String,
        arguments: [String],
        workingDirectory: String,
        environment: [String],
        relay: LxThread,
        engine: WSL1Engine
    ) {
        self.thread = thread
        self.image = image
        self.arguments = arguments
        self.workingDirectory = workingDirectory
        self.environment = environment
        self.relay = relay
        link = engine.link
    }

    /// Writes to its standard output, a pipe: /init copies that to descriptor 1.
    ///
    /// - Returns: `STATUS_PIPE_CLOSING` when the relay is gone.
    func write(_ text: String) -> NTSTATUS {
        guard let relay, !relay.isDead, let engine, let file = relay.files[1]?.file else { return .STATUS_PIPE_CLOSING }
        let context = engine.quietContext(relay)
        engine.events += 1
        _ = try? file.write(VfsData(Array(text.utf8)), at: file.position, context)
        return .STATUS_SUCCESS
    }

    /// Reads what /init copied from descriptor 0 into the pipe at its standard input, without waiting.
    ///
    /// - Returns: `STATUS_PIPE_EMPTY`, `STATUS_PIPE_BROKEN` when the relay or its input came to an end.
    func read() -> NTSTATUS {
        guard let relay, !relay.isDead, let engine, let file = relay.files[0]?.file else { return .STATUS_PIPE_BROKEN }
        let context = engine.quietContext(relay)
        engine.events += 1
        do throws(LxFailure) {
            let data = try file.read(4096, at: file.position, context)
            return data.count == 0 ? .STATUS_PIPE_BROKEN : .STATUS_SUCCESS
        } catch {
            if case .wouldBlock = error { return .STATUS_PIPE_EMPTY }
            return .STATUS_PIPE_BROKEN
        }
    }

    /// It ends: the relay exits with the low eight bits of its exit code (RN:14951).
    func exit(code: UInt32, _ machine: LxMachine) {
        machine.kernel.NtTerminateProcess(process, exitCode: code)
        machine.programs.removeAll { $0 === self }
        guard let relay, !relay.isDead, let engine else { return }
        engine.terminate(relay.group, status: Int32(code & 0xff) << 8, engine.quietContext(relay))
    }
}
