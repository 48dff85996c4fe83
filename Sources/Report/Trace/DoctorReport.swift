// What a host can record, as text.

public struct DoctorReport: Encodable, Sendable {
    public struct Check: Encodable, Sendable {
        var name: String
        /// `ok`, `warn`, `no`.
        var verdict: String
        var detail: String

        public init(name: String, verdict: String, detail: String) {
            self.name = name
            self.verdict = verdict
            self.detail = detail
        }
    }

    var place: String
    var release: String
    /// nil when nothing can be recorded.
    var results: String?
    var checks: [Check]

    public init(place: String, release: String, results: String?, checks: [Check]) {
        self.place = place
        self.release = release
        self.results = results
        self.checks = checks
    }

    public var json: String { JSONText.of(self) + "\n" }

    public func render(_ style: TerminalStyle) -> String {
        var table = TextTable([.init(title: "CHECK"), .init(title: ""), .init(title: "FOUND", gives: true)])
        for check in checks {
            let tone: TerminalStyle.Tone = check.verdict == "ok" ? .good : check.verdict == "warn" ? .warning : .bad
            table.rows.append([.init(check.name), .init(check.verdict, tone), .init(check.detail)])
        }
        return table.lines(style, indent: 0).joined(separator: "\n") + "\n"
    }
}
