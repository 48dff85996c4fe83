// What a user may choose about a replay.

public struct ReplayOptions: Sendable, Hashable {
    /// Put the engine where the recording was after each divergence, translate renamed arguments, resolve races.
    ///
    /// Off, nothing that depends on a recorded result reaches the engine: it runs on its own answers.
    public var resynchronise = true
    /// Index of the first call that is not replayed any more; nil replays all.
    public var stopBefore: UInt64?
    /// Keep the engine's evidence of each divergence.
    public var evidence = true
    /// Prove this many roots, gravest first, by two more replays each; 0 proves none.
    public var receipts = 0
    /// Seconds of wall time for one trace; nil is no limit. Checked between calls: see docs/replay.md.
    public var timeLimit: Double?
    /// Bytes of resident memory of this process; nil is no limit. Checked between calls.
    public var memoryLimit: UInt64?

    /// Reports to keep of calls that are not plainly `same`. Further ones are counted, and kept only where they are the
    /// first of their root: see ``ReplayResult/reportsLeftOut``.
    public var reports = 20_000

    public init() {}
}
