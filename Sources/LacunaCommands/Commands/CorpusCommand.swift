// lacuna corpus: make the recordings of a corpus.
import ArgumentParser
import Compat

struct CorpusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corpus",
        abstract: "Record the workloads of a corpus anew.",
        discussion: """
            A workload is a folder with a workload.yaml (command, packages, weight, tags, check, source) and the files that
            its command needs. It is run in a scratch folder below /tmp/lacuna-corpus, in a fixed environment; its trace is
            replaced only if its own check says that the program worked.

            EXAMPLES
              lacuna corpus packages corpora | xargs apt-get install -y
              lacuna corpus record corpora
              lacuna corpus record corpora git redis
            """,
        subcommands: [CorpusRecordCommand.self, CorpusPackagesCommand.self])
}

struct CorpusRecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Run each workload, check that it worked, and write its trace.lacuna.")

    @Argument(help: "Folder of the corpus.", completion: .directory)
    var folder: String
    @Argument(help: "Workloads to record; all if none is named.")
    var names: [String] = []

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
                try output.line("\(workload.name): \(calls) calls, \(workload.tracePath)")
                try output.flush()
            } catch {
                StandardError.line(error.message)
                failures += 1
            }
        }
        if failures > 0 { throw ExitCode(ExitStatus.failure) }
    }
}

struct CorpusPackagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packages",
        abstract: "List the Debian packages that recording the corpus needs.")

    @Argument(help: "Folder of the corpus.", completion: .directory)
    var folder: String

    func run() throws {
        var output = StandardOutput()
        for package in Set(try Corpus.load(path: folder).workloads.flatMap(\.packages)).sorted() {
            try output.line(package)
        }
        try output.flush()
    }
}
