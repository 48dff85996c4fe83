// The entry point: one trace, one engine, one result.
public import Engine
public import TraceLog

/// Replays a trace through engines and compares every call.
public struct Replayer: Sendable {
    public let recording: Recording
    public let options: ReplayOptions
    let preparation: Preparation
    /// What is replayed is what was prepared from.
    private let isPrepared: Bool

    /// Builds the environment of a trace in memory: one pass over its calls.
    public init(trace: Trace, options: ReplayOptions = ReplayOptions()) {
        self.init(Recording(trace), options: options)
    }

    /// Builds the environment of a recording: one pass over its calls.
    public init(_ recording: Recording, options: ReplayOptions = ReplayOptions()) {
        self.recording = recording
        self.options = options
        preparation = EnvironmentBuilder.prepare(recording)
        isPrepared = true
    }

    private init(_ recording: Recording, _ other: Replayer) {
        self.recording = recording
        options = other.options
        preparation = other.preparation
        isPrepared = false
    }

    /// What existed before the first call, as engines get it.
    public var environment: Environment { preparation.environment }

    /// The same environment, names and given answers before other calls: for the scramble test.
    public func replacing(calls: [CallRecord]) -> Replayer {
        var changed = recording.frame
        changed.calls = calls
        return Replayer(Recording(changed), self)
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
        var options = options
        if experiment != Experiment() { options.reports = .max }
        return ReplayRun(
            recording: recording,
            isPrepared: isPrepared,
            preparation: preparation,
            options: options,
            experiment: experiment,
            engine: engine
        ).run()
    }
}
