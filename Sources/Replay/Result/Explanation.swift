// Everything to tell of one call: what came before and after, both results, evidence, root, receipt.
public import Engine
public import LinuxABI
public import TraceLog

/// What `lacuna explain` shows.
public struct Explanation: Sendable, Hashable, Codable {
    public struct Line: Sendable, Hashable, Codable {
        public var call: UInt64
        public var task: TaskID
        /// strace's words.
        public var text: String
        public var verdict: Verdict
    }

    /// Calls of the same task before and after, nearest last and first.
    public var before: [Line]
    public var call: Line
    public var after: [Line]
    /// Calls of other tasks that overlap this one in time.
    public var overlapping: [Line]
    /// Both results in strace's words; nil when the engine gave none.
    public var recorded: String
    public var engine: String?
    public var differences: [Difference]
    public var reason: String
    public var culprit: Culprit?
    public var notes: [String]
    public var given: [GivenUse]
    public var evidence: Evidence?
    /// The root it is, repeats or follows, and by which input.
    public var root: Root?
    public var via: String?
    public var receipt: Receipt?
}

extension ReplayResult {
    /// Explains one call; nil when the trace has no such call.
    ///
    /// - Parameters:
    ///   - trace: the trace that this is a result of.
    ///   - context: how many calls of the same task to show on either side.
    public func explain(call: UInt64, in trace: Trace, context: Int = 4) -> Explanation? {
        guard let position = trace.calls.firstIndex(where: { $0.index == call }) else { return nil }
        let record = trace.calls[position]
        let report = report(of: call)
        let root = root(of: call)
        let same = trace.calls.indices.filter { trace.calls[$0].task == record.task }
        let own = same.firstIndex(of: position) ?? 0
        let overlapping = trace.calls.indices.filter { index in
            let other = trace.calls[index]
            return other.task != record.task && other.entryTime < record.exitTime && other.exitTime > record.entryTime
        }
        let variant = ABI.call(Int(record.number), record.architecture)?.variant(for: record.arguments)
        let printer = Printer()
        var engineText: String?
        if verdicts[position] == .same {
            engineText = printer.result(variant, record.result)
        } else if let value = report?.engine {
            engineText = printer.result(variant, value)
        }
        return Explanation(
            before: same[max(0, own - context)..<own].map { line($0, trace) },
            call: line(position, trace),
            after: same[(own + 1)..<min(same.count, own + 1 + context)].map { line($0, trace) },
            overlapping: overlapping.prefix(2 * context).map { line($0, trace) },
            recorded: record.flags.contains(.unfinished) ? "?" : printer.result(variant, record.result),
            engine: engineText,
            differences: report?.differences ?? [],
            reason: report?.reason ?? "",
            culprit: report?.culprit,
            notes: report?.notes ?? [],
            given: report?.given ?? [],
            evidence: report.flatMap { evidence(of: $0) } ?? root.flatMap { evidence(of: $0) },
            root: root,
            via: report?.via,
            receipt: root?.receipt
        )
    }

    private func line(_ position: Int, _ trace: Trace) -> Explanation.Line {
        let record = trace.calls[position]
        return .init(
            call: record.index,
            task: record.task,
            text: Self.text(record, trace),
            verdict: position < verdicts.count ? verdicts[position] : .unjudged
        )
    }

    private static func text(_ record: CallRecord, _ trace: Trace) -> String {
        let result: Int64? = record.flags.contains(.unfinished) ? nil : record.result
        guard let variant = ABI.call(Int(record.number), record.architecture)?.variant(for: record.arguments) else {
            return "\(ABI.name(Int(record.number), record.architecture))(…) = \(result.map(String.init) ?? "?")"
        }
        let decoded = variant.decode(
            record.arguments,
            result: result,
            input: trace.memory(of: record, .input),
            output: trace.memory(of: record, .output)
        )
        return Printer().line(variant, record.arguments, decoded, result: result)
    }
}
