// How bad a root is, told from the trace and from what is known of callers. docs/scoring.md explains; keep them together.
import LinuxABI

extension RootObservation {
    /// Tolerated with a documented fallback, or when nothing depends on a difference that does not take anything away
    /// from the program; fatal by the replayer's judgement; else degrading.
    public var severity: Severity {
        if fallback != nil { return .tolerated }
        if isFatal { return .fatal }
        return harmlessness != nil ? .tolerated : .degrading
    }

    /// Why this severity, in one line.
    public var reason: String {
        if let known = fallback ?? (isFatal ? nil : harmlessness) { return known }
        return permits ? "Linux refuses this to keep programs apart, and it is allowed here" : fatalReason
    }

    /// Why a difference without followers takes nothing away, nil if it may: what succeeded on Linux fails here.
    private var harmlessness: String? {
        guard followers == 0, let recordedResult, let answeredResult else { return nil }
        switch (isError(recordedResult), isError(answeredResult)) {
        case (true, true): return "fails on Linux too, with another errno, and nothing depends on it"
        case (true, false): return permits ? nil : "fails on Linux, and nothing depends on it"
        case (false, false): return "both succeed; no later call depends on the value"
        case (false, true): return nil
        }
    }

    /// What Linux refused to keep programs apart is allowed: two have a lock, a file is written that must not be.
    private var permits: Bool {
        guard let errno = recordedResult.flatMap(Errno.init(result:)), answeredError == nil else { return false }
        return [.EAGAIN, .EACCES, .EPERM, .EBUSY, .EROFS, .EDEADLK].contains(errno)
    }

    /// What callers do after this errno; another one means something else to the same caller.
    private var fallback: String? {
        guard let errno = answeredError.flatMap(Errno.init(name:)), let call = cells.first?.call else { return nil }
        return ABI.fallback(call, cells, for: errno)
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
