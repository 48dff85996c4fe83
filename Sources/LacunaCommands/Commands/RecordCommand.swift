// lacuna record: runs a program and records its system calls.
import ArgumentParser
import Glibc
import Recorder
import Report

struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Run a program and record every system call of it and of all it starts.",
        discussion: """
            The program keeps its standard streams, its terminal, its signals and its exit status. The log is readable \
            at any time: of a recording that was killed, everything up to the last complete block.

            Values of environment variables that look like secrets are masked in the log; data that the program reads \
            and writes is not.

            EXAMPLES
              lacuna record -o ls.lacuna -- ls -l /etc
              lacuna record --payload none --timeout 60 -- ./server
              lacuna record --results ptrace -- true
              lacuna record -o c.lacuna --oci /run/lacuna.sock

            EXIT STATUS
              That of the program; 128 + N if signal N ended it. 0 if it was left running at a limit.
              2    wrong usage
              125  the recording could not be made or finished: privileges, kernel, full disk
              126  the program cannot be executed
              127  the program was not found
            """
    )

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write the log.", valueName: "file"),
        completion: .file()
    )
    var output = "trace.lacuna"
    @Option(
        help: ArgumentHelp("Where results come from: auto, ebpf or ptrace (slow, unprivileged).", valueName: "source"),
        completion: .list(RecorderOptions.Results.allCases.map(\.rawValue)),
        transform: { try choice(RecorderOptions.Results.self, $0) }
    )
    var results = RecorderOptions.Results.automatic
    @Option(
        help: ArgumentHelp(
            "Where calls are recorded: auto, fast (inside the program) or lockstep (by the recorder).",
            valueName: "tier"
        ),
        completion: .list(RecorderOptions.Tier.allCases.map(\.rawValue)),
        transform: { try choice(RecorderOptions.Tier.self, $0) }
    )
    var tier = RecorderOptions.Tier.automatic

    @Option(help: ArgumentHelp("Bytes kept of each buffer: full, none or a size (64K).", valueName: "policy"))
    var payload = PayloadArgument(policy: .limit(65536))
    @Flag(help: "Keep the values of environment variables that look like secrets.")
    var keepEnv = false
    @Option(help: ArgumentHelp("End the recording when this many tasks were followed.", valueName: "count"))
    var followLimit: Int?
    @Option(help: ArgumentHelp("End the recording when the log has this size (10M).", valueName: "size"))
    var maxSize: SizeArgument?
    @Option(help: ArgumentHelp("End the recording after this many seconds.", valueName: "seconds"))
    var timeout: Double?
    @Option(
        help: ArgumentHelp(
            "At such a limit: wait for the program (default), leave it running, or kill it.",
            valueName: "what"
        ),
        completion: .list(RecorderOptions.AtLimit.allCases.map(\.rawValue)),
        transform: { try choice(RecorderOptions.AtLimit.self, $0) }
    )
    var atLimit = RecorderOptions.AtLimit.wait
    @Option(
        help: ArgumentHelp(
            "Record a container: receive the seccomp listener from an OCI runtime here.",
            valueName: "socket"
        ),
        completion: .file()
    )
    var oci: String?
    @Flag(help: "Print how it went as one JSON object on standard error.")
    var json = false
    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The program and its arguments, after '--'.", valueName: "command")
    )
    var command: [String] = []

    func validate() throws {
        guard command.isEmpty == (oci != nil) else {
            throw ValidationError(
                oci == nil ? "name the program to record after '--'" : "--oci takes no program: the container has one"
            )
        }
        if let timeout, !(timeout > 0) { throw ValidationError("--timeout must be above 0") }
        if let followLimit, followLimit < 1 { throw ValidationError("--follow-limit must be at least 1") }
    }

    func run() throws {
        var options = RecorderOptions()
        options.tool = Lacuna.tool
        options.command = command
        options.ociSocket = oci
        options.output = output
        options.results = results
        options.tier = tier
        options.payload = payload.policy
        options.keepEnvironment = keepEnv
        options.followLimit = followLimit
        options.maximumSize = maxSize?.bytes
        options.timeout = timeout
        options.atLimit = atLimit
        let result = try Recorder(options: options).run()
        report(result)
        let status = result.exitStatus ?? ExitStatus.success
        if status != ExitStatus.success { throw ExitCode(status) }
    }

    /// The program's standard error stays its own, unless there is something to say or somebody watching.
    private func report(_ result: RecordingResult) {
        if json {
            var line = JSONLine()
            line.add("file", output)
            line.add("ended", result.reason)
            if let status = result.exitStatus { line.add("exitStatus", status) }
            line.add("calls", result.calls)
            line.add("tasks", result.tasks)
            line.add("bytes", result.bytes)
            line.add("results", result.results)
            line.add("notes", result.notes.sorted { $0.key < $1.key }.map { "\($0.key) × \($0.value)" })
            StandardError.write(line.finished + "\n")
            return
        }
        for (note, count) in result.notes.sorted(by: { $0.key < $1.key }) {
            StandardError.line("\(output): \(note) × \(count)")
        }
        if result.reason != "exited" || isatty(STDERR_FILENO) == 1 {
            StandardError.line(
                "\(output): \(result.calls) calls of \(result.tasks) tasks, \(result.bytes) bytes; ended: \(result.reason)"
            )
        }
    }
}

/// The case of that name.
private func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type, _ name: String) throws -> Choice
where Choice.RawValue == String {
    guard let choice = Choice(rawValue: name) else {
        throw ValidationError("'\(name)' is none of: \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return choice
}
