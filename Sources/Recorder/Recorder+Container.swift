// `record --oci SOCKET`: an OCI runtime hands over the seccomp listener of a container it starts.
import CLinux
import FoundationEssentials
import Glibc

/// What the runtime sends along with the listener (OCI runtime spec, "Container Process State").
struct ContainerProcessState: Decodable {
    struct State: Decodable {
        var id: String?
        var bundle: String?
    }
    var fds: [String]?
    var pid: Int32
    var metadata: String?
    var state: State?

    /// The container's command, from its bundle; its id if that cannot be read.
    var command: [String] {
        struct Configuration: Decodable {
            struct Process: Decodable { var args: [String]? }
            var process: Process?
        }
        if let bundle = state?.bundle, let text = readFile("\(bundle)/config.json"),
            let configuration = try? JSONDecoder().decode(Configuration.self, from: Data(text)),
            let arguments = configuration.process?.args, !arguments.isEmpty
        {
            return arguments
        }
        return [state?.id ?? "container"]
    }
}

extension Recorder {
    /// Listens on the socket, waits for one container, and records it to its end.
    func runContainer(_ path: String) throws(RecorderError) -> RecordingResult {
        let tracepoints: Tracepoints
        do throws(Tracepoints.Refusal) { tracepoints = try Tracepoints() } catch {
            throw RecorderError(
                .notPermitted,
                "recording a container needs eBPF results: \(error.message)",
                errno: error.errno
            )
        }
        var ignored = [UInt8](repeating: 0, count: 7)
        clinux_signals_hold(&ignored)
        defer { clinux_signals_release() }
        clinux_signals_end_on_interrupt()
        let (listener, state) = try receiveListener(path)
        var options = options
        options.command = state.command
        let session = try RecordingSession(options, results: "ebpf")
        let source = try LockStepRecording(tracepoints: tracepoints)
        try source.adopt(listener: listener, pid: state.pid)
        let environment = (readFile("/proc/\(state.pid)/environ") ?? []).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
        return try record(source, session, environment: environment, ownsRoot: false, referencePid: state.pid)
    }

    private func receiveListener(_ path: String) throws(RecorderError) -> (Int32, ContainerProcessState) {
        func failed(_ what: String, _ code: Int32) -> RecorderError {
            RecorderError(.failed, "\(path): \(what): \(errorText(code))", errno: code)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else { throw failed("bind", ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard server >= 0 else { throw failed("socket", errno) }
        defer {
            close(server)
            unlink(path)
        }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw failed("bind", errno) }
        guard listen(server, 1) == 0 else { throw failed("listen", errno) }
        while true {
            try waitReadable(server)
            let connection = accept(server, nil, nil)
            guard connection >= 0 else { continue }
            defer { close(connection) }
            // A runtime that failed before its container ran says nothing: wait for the next.
            if let received = try receiveState(connection) { return received }
        }
    }

    private func waitReadable(_ fd: Int32) throws(RecorderError) {
        while true {
            var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, 200) > 0 { return }
            if clinux_signals_taken() != 0 {
                throw RecorderError(.failed, "interrupted while waiting for a container", errno: EINTR)
            }
        }
    }

    private func receiveState(_ connection: Int32) throws(RecorderError) -> (Int32, ContainerProcessState)? {
        var text: [UInt8] = []
        var received: [Int32] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var fds = [Int32](repeating: -1, count: 16)
            var length = 0
            let count = clinux_receive_fd(connection, &buffer, buffer.count, &length, &fds, 16)
            guard count >= 0 else {
                throw RecorderError(.failed, "the runtime's message: \(errorText(-count))", errno: -count)
            }
            received.append(contentsOf: fds.prefix(Int(count)))
            text.append(contentsOf: buffer[..<length])
            if let state = try? JSONDecoder().decode(ContainerProcessState.self, from: Data(text)) {
                let index = state.fds?.firstIndex(of: "seccompFd") ?? 0
                guard index < received.count else { break }
                for (position, fd) in received.enumerated() where position != index { close(fd) }
                return (received[index], state)
            }
            if length == 0 { break }
        }
        for fd in received { close(fd) }
        return nil
    }
}
