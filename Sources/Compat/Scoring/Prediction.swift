// What replays said beside what really happened.

/// Verdicts of replays, held against running the programs themselves.
public struct Prediction: Codable, Sendable, Hashable {
    /// One workload on one engine.
    public struct Row: Codable, Sendable, Hashable {
        public var workload: String
        public var engine: String
        public var verdict: WorkloadVerdict
        /// The first fatal root, for those that are to fail.
        public var reason: String?
        /// The program worked there: its exit status and its check. nil: that cannot be told.
        public var works: Bool?
        /// What the program did there otherwise, or why nothing can be told.
        public var observed: String

        public init(
            workload: String,
            engine: String,
            verdict: WorkloadVerdict,
            reason: String?,
            works: Bool?,
            observed: String
        ) {
            self.workload = workload
            self.engine = engine
            self.verdict = verdict
            self.reason = reason
            self.works = works
            self.observed = observed
        }

        /// The replay says that the program will not work.
        public var isPredictedToFail: Bool { verdict == .fails }
        /// The two agree; nil where either says nothing.
        public var isRight: Bool? {
            guard let works, verdict != .broken else { return nil }
            return works != isPredictedToFail
        }
    }

    public var rows: [Row]

    public init(_ rows: [Row]) { self.rows = rows }

    private func count(failing predicted: Bool, works: Bool) -> Int {
        rows.count { $0.isRight != nil && $0.isPredictedToFail == predicted && $0.works == works }
    }

    /// Of those that were predicted to fail, how many did; nil if none was.
    public var precision: PerMille? {
        let hits = count(failing: true, works: false)
        return PerMille(hits, of: hits + count(failing: true, works: true))
    }
    /// Of those that failed, how many were predicted to; nil if none failed.
    public var recall: PerMille? {
        let hits = count(failing: true, works: false)
        return PerMille(hits, of: hits + count(failing: false, works: false))
    }
    public var right: Int { rows.count { $0.isRight == true } }
    public var compared: Int { rows.count { $0.isRight != nil } }
}
