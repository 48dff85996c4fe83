// lacuna verify: is a log whole?
import ArgumentParser
import Report
import TraceLog

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read logs from end to end and say whether they are whole.",
        discussion: """
            Checks every checksum, every block, the number of calls, and of each task that ended whether as many calls \
            are there as it made. A log that was cut (by a kill, a full disk, a \
            copy that broke off) is readable up to the cut; this says where that is.

            EXAMPLES
              lacuna verify bash.lacuna
              lacuna verify corpora/*/trace.lacuna

            EXIT STATUS
              0  all are whole
              1  at least one is cut or damaged
              2  wrong usage
              3  at least one cannot be read, or is no log
            """
    )

    @Argument(help: "Logs to read.", completion: .file(extensions: ["lacuna"]))
    var files: [String]
    @Flag(help: "One JSON object per line: file, whole, calls, blocks, bytes, dropped, problems.")
    var json = false

    func run() throws {
        var output = StandardOutput()
        var progress = Progress()
        var status = ExitStatus.success
        for (number, file) in files.enumerated() {
            progress.update("\(number + 1) of \(files.count): \(file)")
            do throws(TraceError) {
                let found = try TraceVerification.verify(path: file)
                if !found.isSound { status = max(status, ExitStatus.found) }
                for line in lines(file, found) { try? output.line(line) }
            } catch {
                StandardError.line(error.description)
                status = ExitStatus.failure
            }
        }
        progress.finish()
        try output.flush()
        if status != ExitStatus.success { throw ExitCode(status) }
    }

    private func lines(_ file: String, _ found: TraceVerification) -> [String] {
        let statistics = found.statistics
        let recovery = statistics.recovery
        guard json else {
            let size = "\(statistics.calls) calls in \(recovery.blocks) blocks, \(recovery.fileBytes) bytes"
            if found.isSound { return ["\(file): whole, \(size)"] }
            let more = found.omittedProblems > 0 ? ["\(file): and \(found.omittedProblems) problems more"] : []
            return found.problems.map(\.description) + more
                + ["\(file): usable: \(size), \(recovery.droppedBytes) of them lost"]
        }
        var line = JSONLine()
        line.add("file", file)
        line.add("whole", found.isSound)
        line.add("calls", statistics.calls)
        line.add("blocks", recovery.blocks)
        line.add("bytes", recovery.fileBytes)
        line.add("dropped", recovery.droppedBytes)
        line.add("problems", found.problems.map(\.description))
        return [line.finished]
    }
}
