// The scorecard as SARIF: a result per root, a rule per cell, a location per workload that hits it.
public import Compat
import Engine
import FoundationEssentials

public struct SARIFReport: Sendable {
    public init() {}

    public func render(_ card: Scorecard) -> String {
        let ruled = card.cells.filter { !$0.roots.isEmpty }
        let indexes = Dictionary(ruled.enumerated().map { ($1.name, $0) }) { first, _ in first }
        let log = SARIFLog(runs: [
            .init(
                tool: .init(
                    driver: .init(
                        name: "lacuna",
                        version: card.tool.split(separator: " ").last.map(String.init) ?? "",
                        rules: ruled.map(rule)
                    )
                ),
                results: card.roots.map { result($0, card, index: indexes[$0.cell] ?? -1) },
                invocations: [
                    .init(
                        executionSuccessful: card.status != .error,
                        exitCode: card.status.exitStatus,
                        toolExecutionNotifications: card.notices.map {
                            .init(level: level($0.status), message: .init(text: "\($0.subject): \($0.text)"))
                        }
                    )
                ],
                properties: .init(
                    engine: "\(card.engine.name) \(card.engine.version)",
                    completeness: card.completeness.rawValue,
                    withoutFatal: card.withoutFatal.rawValue,
                    graded: card.graded.rawValue,
                    status: card.status.rawValue,
                    families: card.families.map {
                        .init(
                            family: $0.family,
                            completeness: $0.completeness?.rawValue,
                            graded: $0.graded?.rawValue
                        )
                    }
                )
            )
        ])
        return JSONText.of(log) + "\n"
    }

    private func rule(_ cell: CellResult) -> SARIFLog.Rule {
        .init(
            id: cell.name,
            shortDescription: .init(text: "\(cell.name) is \(cell.state.rawValue)"),
            properties: .init(tags: cell.families, importance: cell.importance.rawValue, state: cell.state.rawValue)
        )
    }

    private func result(_ root: RankedRoot, _ card: Scorecard, index: Int) -> SARIFLog.Result {
        let note = root.note.isEmpty ? "" : ": \(root.note)"
        let source = root.source.isEmpty ? "" : " [\(root.source)]"
        return .init(
            ruleId: root.cell,
            ruleIndex: index,
            level: level(root.severity),
            message: .init(text: "\(root.title) on \(card.engine.name)\(note)\(source)"),
            locations: root.occurrences.map { location($0, card) },
            partialFingerprints: ["lacunaRoot/v1": root.id],
            rank: Double(root.importance.rawValue) / 10,
            properties: .init(
                rank: root.rank,
                severity: root.severity.rawValue,
                importance: root.importance.rawValue,
                hits: root.hits,
                followers: root.followers,
                workloads: root.workloads,
                fatalIn: root.fatalIn,
                source: root.source
            )
        )
    }

    private func location(_ occurrence: RootOccurrence, _ card: Scorecard) -> SARIFLog.Location {
        let path = "\(card.corpus)/\(occurrence.workload)/trace.lacuna"
        return .init(
            physicalLocation: .init(artifactLocation: .init(uri: uri(path))),
            logicalLocations: [
                .init(name: "\(occurrence.call)", fullyQualifiedName: "\(occurrence.workload)/\(occurrence.call)")
            ],
            message: .init(
                text: "call \(occurrence.call): \(occurrence.text) is \(occurrence.recorded) on Linux, "
                    + "\(occurrence.answered) here; \(occurrence.reason)"
            )
        )
    }

    /// Percent-encoded as RFC 3986 wants it in a relative reference.
    private func uri(_ path: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/".utf8)
        var text = ""
        var previous: UInt8 = 0
        for byte in path.utf8 {
            defer { previous = byte }
            if byte == UInt8(ascii: "/"), previous == byte { continue }
            if plain.contains(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (digits.count == 1 ? "0" + digits : digits)
            }
        }
        return text
    }

    private func level(_ severity: Severity) -> String {
        switch severity {
        case .fatal: "error"
        case .degrading: "warning"
        case .tolerated: "note"
        }
    }

    private func level(_ status: RunStatus) -> String {
        switch status {
        case .fail, .error: "error"
        case .miss: "warning"
        case .pass, .skip: "note"
        }
    }
}
