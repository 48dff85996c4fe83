// How bad a root is, told from the trace and from what is known of callers. docs/scoring.md explains; keep them together.
import LinuxABI

extension RootObservation {
    /// Tolerated with a documented fallback, or when Linux failed this call too and nothing depends on it; fatal by the
    /// replayer's judgement; else degrading.
    public var severity: Severity {
        if fallback != nil { return .tolerated }
        if isFatal { return .fatal }
        let bothFail = (recordedResult.map(isError) ?? false) && (answeredResult.map(isError) ?? false)
        return bothFail && followers == 0 ? .tolerated : .degrading
    }

    /// Why this severity, in one line.
    public var reason: String {
        if let fallback { return fallback }
        return severity == .tolerated
            ? "fails on Linux too, with another errno, and nothing depends on it" : fatalReason
    }

    /// What callers do without the call; only for ENOSYS: another errno means something else to the same caller.
    private var fallback: String? {
        guard answeredError == Errno.ENOSYS.name, let call = cells.first?.call else { return nil }
        return ABI.call(named: call)?.plain.fallback
    }

    /// The wrong answer in the fewest words: what tells one root of a cell from another.
    public var answer: String {
        if verdict == .blocked { return "blocked" }
        if let answeredError { return answeredError }
        if let result = recordedResult, isError(result) { return "success" }
        let fields = differences.map(\.field)
        guard !fields.isEmpty else { return "another result" }
        return "other " + fields.prefix(3).joined(separator: ", ") + (fields.count > 3 ? ", …" : "")
    }
}
