// lacuna predict: are the replays right?
import ArgumentParser
import Compat
import Engine
import EngineLauncher
import FoundationEssentials
import Glibc
import LinuxABI
import Report

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Run the programs of a corpus on engines, and hold the replays' verdicts against that.",
        discussion: """
            Each workload is replayed on each engine, and its program is run there; it works if it exits with 0 and its \
            check holds. 'fails' predicts that it does not. What does not work on this host either, for lack of a \
            package say, is not compared. With --scores, verdicts come from earlier runs of \
            'lacuna score --engine E --out DIR/E'.

            EXAMPLES
              lacuna predict corpora --engine gvisor
              lacuna predict corpora --engine gvisor --engine uml --json
              lacuna predict corpora --engine gvisor --scores reports/live

            EXIT STATUS
              0  every verdict that can be compared is right
              1  some are wrong
              2  wrong usage
              3  an engine is not installed or does not start
            """
    )

    @ArgumentParser.Argument(help: ArgumentHelp("Folder of the corpus.", valueName: "dir"), completion: .directory)
    var folder = "corpora"
    @OptionGroup var engines: EnginesOption
    @Option(
        help: ArgumentHelp("Take verdicts from DIR/ENGINE/scorecard.json.", valueName: "dir"),
        completion: .directory
    )
    var scores: String?
    @Option(help: ArgumentHelp("Give up on a trace, and on a program, after this many seconds.", valueName: "seconds"))
    var timeLimit = 300.0
    @Flag(help: "One JSON object: rows, and counts.")
    var json = false

    func validate() throws {
        guard timeLimit > 0 else { throw ValidationError("--time-limit must be above 0") }
        if engines.names.contains(where: { $0.hasPrefix("wsl1") }) {
            throw ValidationError("wsl1 is a model: no program runs there; name live engines")
        }
    }

    func run() throws {
        let corpus = try Corpus.load(path: folder)
        let machines = try engines.held
        defer { for machine in machines { machine.end() } }
        var rows: [Prediction.Row] = []
        var here: [String: String?] = [:]
        for name in engines.names {
            let card = try scorecard(name, corpus)
            let engine = try EngineRegistry.launcher(of: name, try engines.machine.configuration).start()
            for workload in corpus.workloads {
                guard let result = card.workloads.first(where: { $0.name == workload.name }) else { continue }
                if here[workload.name] == nil { here[workload.name] = try problem(workload, on: nil) }
                var row = Prediction.Row(
                    workload: workload.name,
                    engine: name,
                    verdict: result.verdict,
                    reason: result.firstFatal?.title,
                    works: nil,
                    observed: ""
                )
                if let problem = here[workload.name] ?? nil {
                    row.observed = "does not work here: \(problem)"
                } else {
                    let problem = try problem(workload, on: engine)
                    row.works = problem == nil
                    row.observed = problem ?? "works"
                }
                rows.append(row)
            }
        }
        let prediction = Prediction(rows)
        try StandardOutput.print(json ? object(prediction) : table(prediction))
        if prediction.right < prediction.compared { throw ExitCode(ExitStatus.found) }
    }

    private func scorecard(_ name: String, _ corpus: Corpus) throws -> Scorecard {
        if let scores {
            let path = "\(scores)/\(name)/scorecard.json"
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("\(path): cannot be read; 'lacuna score --engine \(name) --out' writes it")
            }
            do { return try JSONReport().read([UInt8](bytes)) } catch { throw CommandFailure("\(path): \(error)") }
        }
        let make = try EngineRegistry.maker(of: name, try engines.machine.configuration)
        let replay = CorpusReplay(
            corpus: corpus,
            arguments: ["--engine", name],
            timeLimit: timeLimit,
            jobs: try EnginesOption.isSerial(name) ? 1 : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        )
        return Scorecard(
            tool: Lacuna.tool,
            engine: make().identity,
            corpus: corpus,
            outcomes: try replay.outcomes(),
            universe: Cell.known,
            baseline: nil
        )
    }

    /// Why the workload's program does not work; nil if it does.
    private func problem(_ workload: Workload, on engine: RunningEngine?) throws -> String? {
        let environment = [
            "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(ProgramRun.place)", "LC_ALL=C", "TZ=UTC",
        ]
        var run = ProgramRun(words: workload.command, environment: environment, seconds: timeLimit)
        run.folder = workload.folder
        run.prepare = workload.prepare
        let result: ProgramResult
        do throws(LaunchError) {
            if let engine { result = try run.inside(engine) } else { result = try run.onHost() }
        } catch { return error.description }
        guard result.status == 0 else {
            let last = String(decoding: result.errors, as: UTF8.self).split(separator: "\n").last ?? ""
            let status = result.status.map { $0 & 0x7f != 0 ? "signal \($0 & 0x7f)" : "status \($0 >> 8)" }
            return "\(status ?? "no end within \(timeLimit) s") \(last)"
        }
        guard let check = workload.check else { return nil }
        return try passes(check, result.output) ? nil : "its check fails"
    }

    private func passes(_ check: String, _ output: [UInt8]) throws -> Bool {
        let file = "/tmp/lacuna-check.\(getpid())"
        guard FileManager.default.createFile(atPath: file, contents: Data(output)) else {
            throw CommandFailure("\(file): cannot be written")
        }
        defer { unlink(file) }
        let run = ProgramRun(
            words: ["/bin/bash", "-c", check],
            environment: ["PATH=/usr/bin:/bin", "OUT=\(file)"],
            seconds: 20
        )
        return try run.onHost().status == 0
    }

    private func table(_ prediction: Prediction) -> String {
        let style = Terminal.style
        var table = TextTable([
            .init(title: "WORKLOAD"), .init(title: "ENGINE"), .init(title: "REPLAY"), .init(title: "PROGRAM"),
            .init(title: ""), .init(title: "WHY", gives: true),
        ])
        for row in prediction.rows {
            let really = row.works.map { $0 ? "works" : "fails" } ?? "?"
            let why = [row.isPredictedToFail ? row.reason : nil, row.works == true ? nil : row.observed].compactMap {
                $0
            }
            table.rows.append([
                .init(row.workload), .init(row.engine), .init(row.verdict.rawValue), .init(really),
                .init(row.isRight.map { $0 ? "right" : "wrong" } ?? "", row.isRight == false ? .bad : .good),
                .init(why.joined(separator: "; ")),
            ])
        }
        let counts =
            "right \(prediction.right) of \(prediction.compared); of failures: "
            + "precision \(text(prediction.precision)), recall \(text(prediction.recall))"
        return (table.lines(style) + ["", style.paint(counts, .strong)]).joined(separator: "\n") + "\n"
    }

    private func text(_ share: PerMille?) -> String { share?.description ?? "none" }

    private func object(_ prediction: Prediction) -> String {
        struct Object: Encodable {
            var rows: [Prediction.Row]
            var compared: Int
            var right: Int
            var precision: PerMille?
            var recall: PerMille?
        }
        let object = Object(
            rows: prediction.rows,
            compared: prediction.compared,
            right: prediction.right,
            precision: prediction.precision,
            recall: prediction.recall
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(object)).map { String(decoding: $0, as: UTF8.self) } ?? "{}") + "\n"
    }
}
