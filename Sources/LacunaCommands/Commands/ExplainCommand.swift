// lacuna explain: one call, with all that is known of it.
import ArgumentParser
import Facts
import Replay
import Report

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain one call: context, both results, evidence, root, receipt.",
        discussion: """
            INDEX is the number that 'lacuna show' and 'lacuna replay' print. The evidence is what the engine did (its \
            handler, its NT calls with their status, its notes with their source). The receipt proves the root by \
            experiment: the trace is replayed with that one answer replaced by the recorded one.

            Below corpora/facts/wsl1/stories are short recordings that users of WSL 1 would recognise. Of a story the \
            call that it is about is explained, on the build that it is told of.

            EXAMPLES
              lacuna explain corpora/facts/wsl1/stories/unshare-Ur.story
              lacuna explain bash.lacuna 1432
              lacuna explain corpora/redis/trace.lacuna 17 --engine wsl1 --json

            EXIT STATUS
              0  the call was explained, whether or not it diverged
              2  wrong usage
              3  the log cannot be read or has no such call
            """
    )

    @OptionGroup var trace: TraceArgument
    @ArgumentParser.Argument(help: "Index of the call; of a story, the one that it is about.")
    var index: UInt64?
    @OptionGroup var replay: ReplayOption
    @Flag(help: "Do not prove the root, which takes two more replays.")
    var noReceipt = false
    @Flag(help: "One JSON object: before, call, after, recorded, engine, differences, evidence, root, receipt, …")
    var json = false

    func run() throws {
        let story = try trace.story()
        let trace = try story?.trace ?? self.trace.load()
        guard let index = index ?? story?.subject else {
            throw ValidationError("a log has many calls: name one by its index, as 'lacuna show' prints it")
        }
        var engine = replay.engine
        if let build = story?.build, engine.engine == "wsl1" { engine.engine = "wsl1@\(build)" }
        let make = try engine.make
        _ = try self.trace.call(index, of: trace)
        var options = replay.options()
        options.reports = .max
        let replayer = Replayer(trace: trace, options: options)
        var result = replayer.run(making: make)
        if !noReceipt, let root = result.root(of: index),
            let at = result.roots.firstIndex(where: { $0.call == root.call })
        {
            result.roots[at].receipt = replayer.receipt(for: root, making: make)
        }
        guard let explanation = result.explain(call: index, in: trace) else {
            throw CommandFailure("\(self.trace.file): has no call \(index)")
        }
        var report = ExplanationReport(explanation, result, of: trace, style: Terminal.style)
        report.introduction = story?.introduction ?? []
        try StandardOutput.print(json ? report.json : report.render())
    }
}
