// lacuna replay: what an engine answers otherwise than Linux did.
import ArgumentParser
import Glibc
import Replay
import Report

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Replay a trace on an engine and list what differs, roots first.",
        discussion: """
            The engine gets what the program asked, never what Linux answered. A root is a wrong answer that no earlier \
            one explains; after it, the engine is put where the recording was, so that one run finds all roots. \
            'lacuna explain' tells all about one call.

            EXAMPLES
              lacuna replay bash.lacuna
              lacuna replay bash.lacuna --engine wsl1 --all
              lacuna replay bash.lacuna --json | jq '.roots[].cells'

            EXIT STATUS
              0  every judged call was the same
              1  calls diverged
              2  wrong usage
              3  the log cannot be read, or the engine broke
            """
    )

    @OptionGroup var trace: TraceArgument
    @OptionGroup var replay: ReplayOption
    @Flag(help: "List every call that is not plainly the same: also followers, given and unjudged ones.")
    var all = false
    @Flag(help: "Leave the engine where its own answers put it.")
    var noResync = false
    @Option(help: ArgumentHelp("Prove this many roots by experiment, gravest first.", valueName: "count"))
    var receipts = 0
    @Flag(help: "Say on standard error how much processor time it took, and how many calls a second that is.")
    var speed = false
    @Flag(help: "The whole result as one JSON object; equal results are equal bytes.")
    var json = false

    func run() throws {
        let make = try replay.engine.make
        let start = Self.processorTime
        let recording = try trace.open()
        var options = replay.options(receipts: receipts, resynchronise: !noResync)
        if all { options.reports = .max }
        let loaded = Self.processorTime
        let replayer = Replayer(recording, options: options)
        let prepared = Self.processorTime
        let result = replayer.run(making: make)
        if speed { tellSpeed(result, reading: loaded - start, preparing: prepared - loaded, since: prepared) }
        if json {
            try StandardOutput.print(String(decoding: try result.canonicalJSON(), as: UTF8.self) + "\n")
        } else {
            let shown = try recording.excerpt(ReplayReport.calls(shownOf: result, all: all))
            try StandardOutput.print(ReplayReport(result, of: shown, style: Terminal.style).render(all: all))
        }
        if let failure = result.failure {
            throw CommandFailure("\(self.trace.file): the engine broke at call \(failure.call): \(failure.reason)")
        }
        if result.counts.divergences > 0 { throw ExitCode(ExitStatus.found) }
    }

    /// Seconds of processor time that this process has used.
    private static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func tellSpeed(_ result: ReplayResult, reading: Double, preparing: Double, since prepared: Double) {
        let replaying = Self.processorTime - prepared
        func rounded(_ seconds: Double) -> String { String((seconds * 1000).rounded() / 1000) }
        func rate(_ seconds: Double) -> Int { seconds > 0 ? Int(Double(result.source.calls) / seconds) : 0 }
        StandardError.line(
            "\(result.source.calls) calls, seconds of processor time: read in \(rounded(reading)), environment in "
                + "\(rounded(preparing)), replayed and compared in \(rounded(replaying)) (\(rate(replaying)) calls/s; "
                + "\(rate(reading + preparing + replaying)) with all three)"
        )
    }
}
