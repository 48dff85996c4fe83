// The entry point: one trace, one engine, one result.
public import Engine
public import TraceLog

/// Replays a trace through engines and compares every call.
public struct Replayer: Sendable {
    public let trace: Trace
    public let options: ReplayOptions
    let preparation: Preparation

    /// Builds the environment of the trace: one pass over its calls.
    public init(trace: Trace, options: ReplayOptions = ReplayOptions()) {
        self.init(trace: trace, options: options, preparation: EnvironmentBuilder.prepare(trace))
    }

    init(trace: Trace, options: ReplayOptions, preparation: Preparation) {
        self.trace = trace
        self.options = options
        self.preparation = preparation
    }

    /// What existed before the first call, as engines get it.
    public var environment: Environment { preparation.environment }

    /// The same environment, names and given answers before other calls: for the scramble test.
    public func replacing(calls: [CallRecord]) -> Replayer {
        var changed = trace
        changed.calls = calls
        return Replayer(trace: changed, options: options, preparation: preparation)
    }

    /// Runs once. `engine` must be fresh: it has not been booted.
    public func run(on engine: any Engine) -> ReplayResult { run(on: engine, experiment: Experiment()) }

    /// Runs on a fresh engine, and proves as many roots as the options ask for on further ones.
    public func run(making engine: () -> any Engine) -> ReplayResult {
        var result = run(on: engine())
        for index in result.roots.indices.prefix(options.receipts) {
            result.roots[index].receipt = receipt(for: result.roots[index], making: engine)
        }
        return result
    }

    func run(on engine: any Engine, experiment: Experiment) -> ReplayResult {
        ReplayRun(
            trace: trace,
            preparation: preparation,
            options: options,
            experiment: experiment,
            engine: engine
        ).run()
    }
}
