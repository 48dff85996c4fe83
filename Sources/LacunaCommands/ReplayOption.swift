// Options that every replaying command has.
import ArgumentParser
import Engine
import Replay
import TraceLog

/// `--engine` and the limits of one replay.
struct ReplayOption: ParsableArguments {
    @OptionGroup var engine: EngineOption
    @Option(help: ArgumentHelp("Give up on a trace after this many seconds.", valueName: "seconds"))
    var timeLimit: Double?
    @Option(help: ArgumentHelp("Give up on a trace when this much memory is used (2G).", valueName: "size"))
    var memoryLimit: SizeArgument?

    func options(receipts: Int = 0, resynchronise: Bool = true) -> ReplayOptions {
        var options = ReplayOptions()
        options.receipts = receipts
        options.resynchronise = resynchronise
        options.timeLimit = timeLimit
        options.memoryLimit = memoryLimit?.bytes
        return options
    }
}
