// How bad a root is, told from the trace alone. docs/scoring.md explains the rules; keep the two together.

extension RootObservation {
    /// Fatal by the replayer's judgement; tolerated when Linux failed this call too and nothing depends on it.
    public var severity: Severity {
        if isFatal { return .fatal }
        let bothFail = (recordedResult.map(isError) ?? false) && (answeredResult.map(isError) ?? false)
        return bothFail && followers == 0 ? .tolerated : .degrading
    }

    /// Why this severity, in one line.
    public var reason: String {
        severity == .tolerated ? "fails on Linux too, with another errno, and nothing depends on it" : fatalReason
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
