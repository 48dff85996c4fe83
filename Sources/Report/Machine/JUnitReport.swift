// The scorecard as JUnit XML: a test case per workload, so that CI systems show it.
public import Compat
import Engine

/// Failures are workloads that fail, errors are broken ones, skipped are those that did not run. Degraded ones pass:
/// their score is a property, and a fall of it is a failure when a baseline was given.
public struct JUnitReport: Sendable {
    public init() {}

    public func render(_ card: Scorecard) -> String {
        var xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        let failures = card.workloads.filter { outcome($0) == .failure }.count
        let errors = card.workloads.filter { outcome($0) == .error }.count
        let skipped = card.workloads.filter { outcome($0) == .skipped }.count
        let counts = "tests=\"\(card.tally.workloads)\" failures=\"\(failures)\" errors=\"\(errors)\""
        let name = Markup.escape("\(card.corpus) on \(card.engine.name)")
        xml += "<testsuites name=\"lacuna\" \(counts) time=\"0\">\n"
        xml += "  <testsuite name=\"\(name)\" \(counts) skipped=\"\(skipped)\" time=\"0\">\n"
        xml += properties(
            [
                ("engine", "\(card.engine.name) \(card.engine.version)"), ("tool", card.tool),
                ("status", card.status.rawValue), ("completeness", card.completeness.description),
                ("without fatal", card.withoutFatal.description), ("graded", card.graded.description),
            ] + card.calls.named.map { ("calls \($0.name)", "\($0.count)") }
                + card.families.flatMap { family in
                    [
                        ("\(family.family) completeness", family.completeness?.description ?? "never exercised"),
                        ("\(family.family) graded", family.graded?.description ?? "never exercised"),
                    ]
                },
            indent: "    "
        )
        for workload in card.workloads { xml += testCase(workload, card) }
        return xml + "  </testsuite>\n</testsuites>\n"
    }

    private enum Outcome { case passed, failure, error, skipped }

    private func outcome(_ workload: WorkloadResult) -> Outcome {
        switch (workload.status, workload.verdict) {
        case (.miss, _), (.skip, _): .skipped
        case (.error, _), (_, .broken): .error
        case (.fail, _), (_, .fails): .failure
        default: .passed
        }
    }

    private func testCase(_ workload: WorkloadResult, _ card: Scorecard) -> String {
        var xml =
            "    <testcase classname=\"\(Markup.escape(card.engine.name))\" "
            + "name=\"\(Markup.escape(workload.name))\" assertions=\"\(workload.calls.judged)\" time=\"0\">\n"
        xml += properties(
            [
                ("verdict", workload.verdict.rawValue), ("graded", workload.graded.description),
                ("weight", workload.weight.description), ("confidence", workload.confidence.description),
            ] + workload.calls.named.map { ("calls \($0.name)", "\($0.count)") },
            indent: "      "
        )
        let problem = workload.problem ?? ""
        switch outcome(workload) {
        case .passed: break
        case .failure:
            let fatal = workload.firstFatal.map { "\($0.title) at call \($0.call)" } ?? "worse than the baseline"
            xml +=
                "      <failure message=\"\(Markup.escape(fatal))\" type=\"\(workload.verdict.rawValue)\">"
                + Markup.escape(details(workload, card)) + "</failure>\n"
        case .error: xml += "      <error message=\"\(Markup.escape(problem))\" type=\"ERROR\"/>\n"
        case .skipped: xml += "      <skipped message=\"\(Markup.escape(problem))\"/>\n"
        }
        return xml + "    </testcase>\n"
    }

    /// One line per root of the workload, and what became worse.
    private func details(_ workload: WorkloadResult, _ card: Scorecard) -> String {
        let roots = workload.roots.map { rank in
            let root = card.roots[rank - 1]
            return "#\(rank) \(root.title) (\(root.severity.rawValue); \(root.source))"
        }
        let changes = (card.comparison?.regressions ?? []).filter { $0.subject == workload.name }
            .map { "\($0.what): \($0.before) -> \($0.after)" }
        return (changes + roots).joined(separator: "\n")
    }

    private func properties(_ pairs: [(String, String)], indent: String) -> String {
        let lines = pairs.map { name, value in
            "\(indent)  <property name=\"\(Markup.escape(name))\" value=\"\(Markup.escape(value))\"/>\n"
        }
        return "\(indent)<properties>\n\(lines.joined())\(indent)</properties>\n"
    }
}
