// The translation cost as text: per family, then the dearest calls.
public import Compat

/// Tables of what Linux calls took of the kernel below an engine.
public struct CostReport: Sendable {
    public static let title = "Translation cost: calls of the NT executive, and I/O request packets, per Linux call"

    private let calls: [CallTranslation]

    public init(_ calls: [CallTranslation]) { self.calls = calls }

    public var isEmpty: Bool { calls.isEmpty }

    /// - Parameter limit: how many calls to list behind the families.
    public func lines(_ style: TerminalStyle, limit: Int) -> [String] {
        var families = Self.table("FAMILY")
        for (family, cost) in calls.byFamily { families.rows.append(Self.row(family, cost)) }
        families.rows.append(Self.row("all", calls.total))
        var dearest = Self.table("DEAREST CALLS")
        for call in calls.prefix(limit) where call.cost.routines > 0 {
            dearest.rows.append(Self.row(call.call, call.cost))
        }
        return families.lines(style) + (dearest.rows.isEmpty ? [] : [""] + dearest.lines(style))
    }

    private static func table(_ title: String) -> TextTable {
        TextTable([
            .init(title: title, gives: true), .init(title: "CALLS", right: true), .init(title: "NT CALLS", right: true),
            .init(title: "IRPS", right: true), .init(title: "NT PER CALL", right: true),
            .init(title: "IRPS PER CALL", right: true),
        ])
    }

    private static func row(_ title: String, _ cost: TranslationTally) -> [TextTable.Cell] {
        [
            .init(title), .init("\(cost.calls)"), .init("\(cost.routines)"), .init("\(cost.packets)"),
            .init(cost.routinesPerCall?.description ?? "–"), .init(cost.packetsPerCall?.description ?? "–"),
        ]
    }
}
