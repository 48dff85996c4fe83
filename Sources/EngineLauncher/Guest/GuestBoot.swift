// Boots a guest that serves a line: initial files, accelerator, start command.
import Glibc

/// A machine or kernel process that serves a line.
final class Guest {
    let line: ServedLine
    private let process: KeptProcess?
    /// Holds the guest's files for as long as it is up.
    private let scratch: ScratchFolder?
    private let descriptors: [Int32]
    private var isStopped = false

    /// - Parameter process: nil for a machine that is kept warm: it goes on without us.
    init(line: ServedLine, process: KeptProcess?, scratch: ScratchFolder? = nil, descriptors: [Int32] = []) {
        self.scratch = scratch
        self.line = line
        self.process = process
        self.descriptors = descriptors
    }

    deinit { stop() }

    /// The process that keeps it; nil: another command's.
    var keeper: pid_t? { process?.keeper }

    func stop() {
        guard !isStopped else { return }
        isStopped = true
        process?.stop()
        for descriptor in descriptors { close(descriptor) }
    }
}

struct GuestBoot {
    let definition: EngineDefinition
    let configuration: WSLConfiguration
    let onProgress: (String) -> Void

    /// Boots it for this process alone.
    func start(in scratch: ScratchFolder) throws(LaunchError) -> Guest {
        try boot(in: scratch, accelerator: try accelerator(), seconds: definition.startTimeout)
    }

    /// What to boot it with, tried if need be.
    func accelerator() throws(LaunchError) -> Accelerator {
        guard let package = definition.kernel else { return .tcg }
        // Fetching is no part of the trial.
        if configuration.kernel == nil { _ = try GuestKernel.cached(package, onProgress: onProgress) }
        return Accelerator.choose { accelerator in
            guard let scratch = try? ScratchFolder() else { return false }
            return (try? boot(in: scratch, accelerator: accelerator, seconds: 5)) != nil
        }
    }

    private func boot(in scratch: ScratchFolder, accelerator: Accelerator, seconds: Double) throws(LaunchError) -> Guest
    {
        let words = try command(in: scratch.path, line: "stdio,id=line,signal=off", accelerator: accelerator)
        if let user = definition.user { scratch.give(to: user) }
        let process = try KeptProcess(words, user: definition.user, folder: scratch.path, removing: scratch.path)
        let line = ServedLine(reader: process.output, writer: process.input, window: definition.window)
        guard line.greet(seconds: seconds) else {
            let said = process.lastWords
            let console = definition.console.flatMap { try? HostFile.bytes(filled($0, scratch.path)) }.flatMap(
                lastComplaint
            )
            process.stop()
            let reason = line.isOpen ? "no answer within \(seconds) s" : "it ended while booting"
            throw LaunchError(reason + ((console ?? said).map { ": \($0)" } ?? ""))
        }
        return Guest(line: line, process: process, scratch: scratch)
    }

    private func filled(_ text: String, _ scratch: String) -> String {
        text.split(separator: "{scratch}", omittingEmptySubsequences: false).joined(separator: scratch)
    }

    /// An ext4 for the roots of replays: recorded programs mostly ran on one. nil where nothing here can make it.
    private func makeDisk(in folder: String) throws(LaunchError) -> String? {
        guard let size = definition.disk.flatMap({ ByteCount($0) }), let maker = ProgramPath.find("mkfs.ext4") else {
            return nil
        }
        let path = "\(folder)/disk"
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard file >= 0, ftruncate(file, off_t(size.bytes)) == 0, fchmod(file, 0o666) == 0 else {
            throw LaunchError("\(path): \(String(cString: strerror(errno)))")
        }
        close(file)
        let options = ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"]
        let output = try CommandOutput([maker] + options + [path], seconds: 30)
        guard output.status == 0 else {
            throw LaunchError("\(path): mkfs.ext4: \(lastLine(output.errors) ?? "no reason given")")
        }
        return path
    }

    /// The start command; writes the guest's initial files into `folder`.
    func command(in folder: String, line: String, accelerator: Accelerator) throws(LaunchError) -> [String] {
        var values = ["scratch": folder, "line": line]
        var modules: [(name: String, bytes: [UInt8])] = []
        if let package = definition.kernel {
            if let image = configuration.kernel {
                values["kernel"] = try GuestKernel(image: image).image
            } else {
                let kernel = try GuestKernel.cached(package, onProgress: onProgress)
                values["kernel"] = kernel.image
                modules = try kernel.modules(definition.modules)
            }
        }
        let initial = InitialFiles(initProgram: try HostFile.bytes(try InitBinary.path()), modules: modules)
        values["initrd"] = "\(folder)/initrd"
        try HostFile.write(initial.bytes, to: "\(folder)/initrd")
        let bytes = configuration.memoryBytes ?? ByteCount(definition.memory)?.bytes ?? 1 << 30
        values["memory"] = "\(bytes >> 20)M"
        values["processors"] = "\(configuration.processors ?? definition.processors)"
        values["accelerator"] = accelerator.option
        values["cpu"] = accelerator.processor
        values["kernelCommandLine"] = configuration.kernelCommandLine ?? ""
        let disk = try makeDisk(in: folder)
        values["disk"] = disk.map { "ubd0=\($0)" } ?? ""
        values["diskDrive"] = disk.map { "-drive file=\($0),format=raw,if=virtio,cache=unsafe" } ?? ""
        values["diskArgument"] = disk == nil ? "" : " disk=/dev/vda"
        values["swapArgument"] = ""
        values["swapDevice"] = ""
        if let swap = configuration.swapBytes, swap > 0 {
            let file = Glibc.open("\(folder)/swap", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0, ftruncate(file, off_t(swap)) == 0 else {
                throw LaunchError("\(folder)/swap: \(String(cString: strerror(errno)))")
            }
            close(file)
            values["swapArgument"] = disk == nil ? " swap=/dev/vda" : " swap=/dev/vdb"
            values["swapDevice"] = "-drive file=\(folder)/swap,format=raw,if=virtio"
        }
        return try CommandLine(values: values).words(definition.start)
    }
}

/// The last line of a console but for the kernel's own farewell.
private func lastComplaint(_ console: [UInt8]) -> String? {
    let lines = console.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        .map { String(decoding: $0, as: UTF8.self) }
    return lines.last { !$0.contains("reboot: Power down") && !$0.isEmpty }
}
