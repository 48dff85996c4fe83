// lacuna score: how well an engine runs a corpus.
import ArgumentParser
import Compat
import Engine
import EngineLauncher
import FoundationEssentials
import Glibc
import LinuxABI
import Report

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Replay a corpus on one or more engines and score them.",
        discussion: """
            Prints a table; with --out also writes scorecard.json, index.html (one file, no network), junit.xml and \
            results.sarif there: five views of one scorecard. Each trace is replayed in a process of its own, so an \
            engine that breaks on one trace costs only that trace. docs/scoring.md says how every number is made.

            With several engines it prints a matrix; --out then holds matrix.json, index.html and a folder with the \
            reports of each engine.

            EXAMPLES
              lacuna score corpora
              lacuna score corpora --engine wsl1 --engine native --out reports/today
              lacuna score corpora --engine wsl1 --out reports/today
              lacuna score corpora --baseline reports/yesterday/scorecard.json

            EXIT STATUS
              0  PASS or SKIP
              1  FAIL: worse than the baseline
              2  wrong usage
              3  ERROR or MISS: a trace or the engine broke, a workload has no trace
            """
    )

    @ArgumentParser.Argument(help: ArgumentHelp("Folder of the corpus.", valueName: "dir"), completion: .directory)
    var folder = "corpora"
    @OptionGroup var engines: EnginesOption
    @Option(help: ArgumentHelp("Write the reports into this folder.", valueName: "dir"), completion: .directory)
    var out: String?
    @Option(
        help: ArgumentHelp("Compare with this earlier scorecard.", valueName: "scorecard.json"),
        completion: .file(extensions: ["json"])
    )
    var baseline: String?
    @Option(help: ArgumentHelp("Prove this many roots of each trace by experiment, gravest first.", valueName: "count"))
    var receipts = 1
    @Option(help: ArgumentHelp("Give up on a trace after this many seconds.", valueName: "seconds"))
    var timeLimit = 300.0
    @Option(help: ArgumentHelp("Give up on a trace when this much memory is used (2G).", valueName: "size"))
    var memoryLimit: SizeArgument?
    @Option(help: ArgumentHelp("Replays beside each other; default: one per processor.", valueName: "count"))
    var jobs: Int?
    @Flag(help: "Print scorecard.json instead of the table.")
    var json = false

    func validate() throws {
        guard timeLimit > 0 else { throw ValidationError("--time-limit must be above 0") }
        if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1") }
        if engines.names.count > 1, baseline != nil {
            throw ValidationError("--baseline compares one engine: name one --engine")
        }
        if receipts < 0 { throw ValidationError("--receipts must not be negative") }
    }

    func run() throws {
        let machines = try engines.held
        defer { for machine in machines { machine.end() } }
        let chosen = try engines.identities
        let corpus = try Corpus.load(path: folder)
        let baseline = try baseline.map { path in
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("\(path): cannot be read; name a scorecard.json of an earlier run")
            }
            do { return try JSONReport().read([UInt8](bytes)) } catch { throw CommandFailure("\(path): \(error)") }
        }
        // The folder is made first: better to learn of a full disk before the work than after.
        if let out { try prepare(out) }
        // Before the replays, which load the machine: the side-by-side table has these figures.
        let figures = try chosen.count > 1 ? chosen.map { try measure($0.name) } : []
        var cards = try chosen.map { try score($0.name, $0.identity, corpus, baseline) }
        for index in figures.indices { cards[index].measurements = figures[index] }
        if cards.count == 1, let card = cards.first {
            if let out { try writeReports(card, out) }
            try StandardOutput.print(
                json ? JSONReport().render(card) : TerminalReport(style: Terminal.style).render(card)
            )
        } else {
            let matrix = EngineMatrix(cards)
            if let out { try writeReports(matrix, cards, out) }
            try StandardOutput.print(
                json ? JSONReport().render(matrix) : MatrixReport(style: Terminal.style).render(matrix)
            )
        }
        let status = cards.map(\.status).max() ?? .skip
        if status.exitStatus != ExitStatus.success { throw ExitCode(status.exitStatus) }
    }

    /// nil: the engine is a model, or elsewhere.
    private func measure(_ name: String) throws -> [Measurement]? {
        guard let definition = try EngineCatalog.find(name), definition.connect == nil, definition.files != .remote
        else { return nil }
        return Measurement.all(try EngineRegistry.launcher(of: name, try engines.machine.configuration).measure())
    }

    private func score(
        _ name: String,
        _ identity: EngineIdentity,
        _ corpus: Corpus,
        _ baseline: Scorecard?
    ) throws -> Scorecard {
        var arguments = ["--engine", name, "--receipts", "\(receipts)"]
        if let file = engines.machine.wslconfig { arguments += ["--wslconfig", file] }
        if let memoryLimit { arguments += ["--memory-limit", "\(memoryLimit.bytes)"] }
        let replay = CorpusReplay(
            corpus: corpus,
            arguments: arguments,
            timeLimit: timeLimit,
            jobs: try EnginesOption.isSerial(name) ? 1 : jobs ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        )
        return Scorecard(
            tool: Lacuna.tool,
            engine: identity,
            corpus: corpus,
            outcomes: try replay.outcomes(),
            universe: Cell.known,
            baseline: baseline
        )
    }

    private func writeReports(_ card: Scorecard, _ folder: String) throws {
        try write(JSONReport().render(card), "\(folder)/scorecard.json")
        try write(HTMLReport().render(card), "\(folder)/index.html")
        try write(JUnitReport().render(card), "\(folder)/junit.xml")
        try write(SARIFReport().render(card), "\(folder)/results.sarif")
    }

    private func writeReports(_ matrix: EngineMatrix, _ cards: [Scorecard], _ folder: String) throws {
        // Names of engines may be paths of their descriptions.
        let places = engines.names.enumerated().map { index, name in
            let plain = name.split(separator: "/").last.map(String.init) ?? "engine"
            return engines.names[..<index].contains { $0.hasSuffix(plain) } ? "\(plain)-\(index)" : plain
        }
        for (card, place) in zip(cards, places) {
            try prepare("\(folder)/\(place)")
            try writeReports(card, "\(folder)/\(place)")
        }
        try write(JSONReport().render(matrix), "\(folder)/matrix.json")
        try write(HTMLMatrix(reports: places.map { "\($0)/index.html" }).render(matrix), "\(folder)/index.html")
    }

    private func prepare(_ folder: String) throws(CommandFailure) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure("\(folder): cannot be made; choose a folder that can be written to")
        }
    }

    /// Writes a file as a whole: a reader never sees half a report.
    private func write(_ text: String, _ path: String) throws(CommandFailure) {
        func fail() -> CommandFailure { CommandFailure("\(path): \(String(cString: strerror(errno)))") }
        let beside = path + ".new"
        let file = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw fail() }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard written > 0 else {
                let failure = fail()
                close(file)
                unlink(beside)
                throw failure
            }
            bytes = bytes.dropFirst(written)
        }
        guard close(file) == 0, rename(beside, path) == 0 else { throw fail() }
    }
}
