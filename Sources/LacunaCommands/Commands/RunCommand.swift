// lacuna run: the program itself in an engine, beside this host.
import ArgumentParser
import EngineLauncher
import FoundationEssentials
import Glibc
import Report

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a program itself on this host and in an engine, and compare what it does.",
        discussion: """
            Compares exit status, output and errors; the program runs here first, then there, without input. With \
            --in both runs start in a fresh copy of a folder.

            gvisor, qemu-user, proot, valgrind, crun and docker-default see this host's files. uml sees them \
            read-only, as nobody does, with a /tmp of its own. wsl2 sees what is copied in: the program and the \
            libraries that ldd finds, the folder of --in, and what --with names.

            EXAMPLES
              lacuna run --engine gvisor -- uname -a
              lacuna run --engine qemu-user -- unshare -r id -u
              lacuna run --engine uml --in corpora/coreutils -- bash run.sh
              lacuna run --engine wsl2 --with /bin/bash --with /bin/ls -- bash -c 'ls /proc/self/ns'

            EXIT STATUS
              0  the same
              1  they differ
              2  wrong usage
              3  the engine is not installed or does not start
            """
    )

    @Option(help: "Where to run it; 'lacuna engines' lists them.")
    var engine: String
    @OptionGroup var machine: MachineOption
    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Run in a fresh copy of this folder.", valueName: "dir"),
        completion: .directory
    )
    var folder: String?
    @Option(
        help: ArgumentHelp(
            "Copy this program, with its libraries, or this file or folder into the engine.",
            valueName: "path"
        ),
        completion: .file()
    )
    var with: [String] = []
    @Option(help: ArgumentHelp("End the program after this many seconds.", valueName: "seconds"))
    var timeLimit = 60.0
    @Flag(help: "One JSON object: the comparison, both outputs, and where the engine ran.")
    var json = false
    @ArgumentParser.Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The program and its arguments.", valueName: "command")
    )
    var command: [String] = []

    func validate() throws {
        guard timeLimit > 0 else { throw ValidationError("--time-limit must be above 0") }
    }

    func run() throws {
        let words = Array(command.drop { $0 == "--" })
        guard !words.isEmpty else { throw ValidationError("give a command: lacuna run --engine X -- COMMAND") }
        var program = ProgramRun(words: words, environment: RunCommand.environment, seconds: timeLimit)
        program.folder = folder
        program.files = with
        let engine = try EngineRegistry.launcher(of: engine, try machine.configuration).start()
        let host = try program.onHost()
        let inside = try program.inside(engine)
        let comparison = RunComparison(engine: engine.name, host: host, inside: inside)
        let report = RunReport(comparison, host: host, inside: inside, record: engine.record)
        try StandardOutput.print(json ? report.json : report.text)
        if !comparison.isSame { throw ExitCode(ExitStatus.found) }
    }

    /// This process' own, as a program would get it from a shell.
    private static var environment: [String] {
        ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }.sorted()
    }
}

/// What `lacuna run` prints.
struct RunReport {
    let comparison: RunComparison
    let host: ProgramResult
    let inside: ProgramResult
    let record: EngineRecord

    init(_ comparison: RunComparison, host: ProgramResult, inside: ProgramResult, record: EngineRecord) {
        self.comparison = comparison
        self.host = host
        self.inside = inside
        self.record = record
    }

    var text: String {
        let style = Terminal.style
        var table = TextTable([
            .init(title: ""), .init(title: "HERE"), .init(title: comparison.engine.uppercased()), .init(title: ""),
        ])
        func row(_ name: String, _ here: String, _ there: String, _ isSame: Bool) {
            table.rows.append([
                .init(name), .init(here), .init(there), .init(isSame ? "same" : "differs", isSame ? .good : .bad),
            ])
        }
        row("exit status", comparison.hostStatus, comparison.engineStatus, comparison.sameStatus)
        row("output", "\(host.output.count) bytes", "\(inside.output.count) bytes", comparison.sameOutput)
        row("errors", "\(host.errors.count) bytes", "\(inside.errors.count) bytes", comparison.sameErrors)
        table.rows.append([
            .init("time"), .init(seconds(comparison.hostSeconds)), .init(seconds(comparison.engineSeconds)), .init(""),
        ])
        var lines = table.lines(style)
        for (name, pair) in [("output", comparison.firstOutput), ("errors", comparison.firstErrors)] {
            guard let pair else { continue }
            lines += ["", style.paint("First line of \(name) that differs", .strong)]
            lines += ["  here   \(pair[0])", "  there  \(pair[1])"]
        }
        let place = [record.inside?.release, record.version].compactMap { $0 }.joined(separator: ", ")
        lines += [
            "", style.paint("\(comparison.engine): \(place); started in \(seconds(record.startSeconds))", .faint),
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private func seconds(_ value: Double) -> String { "\((value * 1000).rounded() / 1000) s" }

    var json: String {
        struct Object: Encodable {
            var comparison: RunComparison
            var hostOutput: String
            var hostErrors: String
            var engineOutput: String
            var engineErrors: String
            var environment: EngineRecord
        }
        let object = Object(
            comparison: comparison,
            hostOutput: String(decoding: host.output, as: UTF8.self),
            hostErrors: String(decoding: host.errors, as: UTF8.self),
            engineOutput: String(decoding: inside.output, as: UTF8.self),
            engineErrors: String(decoding: inside.errors, as: UTF8.self),
            environment: record
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(object)).map { String(decoding: $0, as: UTF8.self) } ?? "{}") + "\n"
    }
}
