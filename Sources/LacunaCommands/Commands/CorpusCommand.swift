// lacuna corpus: make the recordings of a corpus.
import ArgumentParser
import Compat
import Report

struct CorpusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corpus",
        abstract: "Record the workloads of a corpus anew.",
        discussion: """
            A workload is a folder with a workload.yaml (command, packages, weight, tags, check, source) and the files that \
            its command needs. It is run in a scratch folder below /tmp/lacuna-corpus, in a fixed environment; its trace is \
            replaced only if its own check says that the program worked.

            EXAMPLES
              lacuna corpus packages corpora | xargs apt-get install -y
              lacuna corpus record corpora
              lacuna corpus record corpora git redis
            """,
        subcommands: [CorpusRecordCommand.self, CorpusPackagesCommand.self]
    )
}

struct CorpusRecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Run each workload, check that it worked, and write its trace.lacuna.",
        discussion: """
            EXAMPLES
              lacuna corpus record corpora
              lacuna corpus record corpora git redis

            EXIT STATUS
              0  all were recorded
              2  wrong usage
              3  at least one was not; its old trace is untouched
            """
    )

    @Argument(help: "Folder of the corpus.", completion: .directory)
    var folder: String
    @Argument(help: "Workloads to record; all if none is named.")
    var names: [String] = []
    @Flag(help: "One JSON object per line: name, recorded, calls, problem.")
    var json = false

    func run() throws {
        let corpus = try Corpus.load(path: folder)
        for name in names where !corpus.workloads.contains(where: { $0.name == name }) {
            throw CommandFailure("\(folder): has no workload '\(name)'", status: ExitStatus.wrongUsage)
        }
        var output = StandardOutput()
        var failures = 0
        for workload in corpus.workloads where names.isEmpty || names.contains(workload.name) {
            do throws(CommandFailure) {
                let calls = try CorpusRecorder(workload: workload).record()
                var line = JSONLine()
                line.add("name", workload.name)
                line.add("recorded", true)
                line.add("calls", calls)
                try output.line(json ? line.finished : "\(workload.name): \(calls) calls, \(workload.tracePath)")
                try output.flush()
            } catch {
                StandardError.line(error.message)
                if json {
                    var line = JSONLine()
                    line.add("name", workload.name)
                    line.add("recorded", false)
                    line.add("problem", error.message)
                    try output.line(line.finished)
                    try output.flush()
                }
                failures += 1
            }
        }
        if failures > 0 { throw ExitCode(ExitStatus.failure) }
    }
}

struct CorpusPackagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packages",
        abstract: "List the Debian packages that recording the corpus needs.",
        discussion: """
            EXAMPLES
              lacuna corpus packages corpora | xargs apt-get install -y
            """
    )

    @Argument(help: "Folder of the corpus.", completion: .directory)
    var folder: String
    @Flag(help: "One JSON object: packages.")
    var json = false

    func run() throws {
        let packages = Set(try Corpus.load(path: folder).workloads.flatMap(\.packages)).sorted()
        var line = JSONLine()
        line.add("packages", packages)
        try StandardOutput.print(json ? line.finished + "\n" : packages.map { $0 + "\n" }.joined())
    }
}
