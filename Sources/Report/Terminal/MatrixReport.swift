// Several engines side by side, on a terminal.
public import Compat
import Engine

/// Text for people at a terminal: shows what the matrix has and computes no number.
public struct MatrixReport: Sendable {
    public var style: TerminalStyle
    /// How many gaps and cells to list; JSON and HTML have all.
    public var limit: Int

    public init(style: TerminalStyle, limit: Int = 20) {
        self.style = style
        self.limit = limit
    }

    public func render(_ matrix: EngineMatrix) -> String {
        let names = matrix.engines.map(\.engine.name)
        var lines = [style.paint("\(matrix.corpus) on \(names.joined(separator: ", "))", .strong), ""]
        lines += matrix.engines.map { "  \($0.engine.name): \($0.engine.summary), \($0.engine.version)" }
        section("Scores", &lines, scores(matrix).lines(style))
        section("Gaps of one engine alone", &lines, specific(matrix).lines(style), of: matrix.specific.count)
        section(
            "Side by side: what works, of what was judged; what was measured",
            &lines,
            questions(matrix).lines(style)
        )
        section("Workloads: verdict, calls the same", &lines, workloads(matrix).lines(style))
        let divided = matrix.cells.filter(\.isDivided)
        section("Cells on which engines differ", &lines, cells(divided, names).lines(style), of: divided.count)
        let notices = matrix.engines.flatMap { column in
            column.notices.map { "  \(column.engine.name): \($0.status.rawValue) \($0.subject): \($0.text)" }
        }
        if !notices.isEmpty { section("Notices", &lines, notices) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func section(_ title: String, _ lines: inout [String], _ content: [String], of count: Int = 0) {
        lines += ["", style.paint(title, .strong)] + (content.isEmpty ? ["  none"] : content)
        if count > limit { lines.append(style.paint("  and \(count - limit) more: --json, or --out", .faint)) }
    }

    private func table(_ first: String, _ names: [String]) -> TextTable {
        TextTable([.init(title: first, gives: true)] + names.map { .init(title: $0, right: true) })
    }

    private func scores(_ matrix: EngineMatrix) -> TextTable {
        var table = table("SCORE", matrix.engines.map(\.engine.name))
        func row(_ title: String, _ value: (MatrixEngine) -> String) {
            table.rows.append([.init(title)] + matrix.engines.map { .init(value($0)) })
        }
        row("completeness: weight of workloads that run") { $0.completeness.description }
        row("without a fatal root") { $0.withoutFatal.description }
        row("mean graded score") { $0.graded.description }
        row("workloads that run") { "\($0.tally.runs) of \($0.tally.workloads)" }
        row("calls judged") { "\($0.calls.judged) of \($0.calls.total)" }
        row("status") { $0.status.rawValue }
        return table
    }

    private func specific(_ matrix: EngineMatrix) -> TextTable {
        var table = TextTable([
            .init(title: "ENGINE"), .init(title: "CELL"), .init(title: "STATE"),
            .init(title: "IMPORTANCE", right: true), .init(title: "ROOT", gives: true),
        ])
        for gap in matrix.specific.prefix(limit) {
            table.rows.append([
                .init(matrix.engines[gap.engine].engine.name), .init(gap.cell.shortened(to: 48)),
                .init(gap.state.rawValue, gap.state.terminalTone), .init(gap.importance.description),
                .init(gap.title),
            ])
        }
        return table
    }

    private func questions(_ matrix: EngineMatrix) -> TextTable {
        var table = table("QUESTION", matrix.engines.map(\.engine.name))
        for question in matrix.questions {
            table.rows.append(
                [.init(question.name)]
                    + question.answers.map { .init($0.measured ?? ($0.judged == 0 ? "–" : "\($0.good)/\($0.judged)")) }
            )
        }
        return table
    }

    private func workloads(_ matrix: EngineMatrix) -> TextTable {
        var table = table("WORKLOAD", matrix.engines.map(\.engine.name))
        for workload in matrix.workloads {
            table.rows.append(
                [.init(workload.name)]
                    + workload.entries.map { .init("\($0.verdict.rawValue) \($0.graded)", $0.verdict.terminalTone) }
            )
        }
        return table
    }

    private func cells(_ cells: [MatrixCell], _ names: [String]) -> TextTable {
        var table = table("CELL", names)
        for cell in cells.prefix(limit) {
            table.rows.append(
                [.init(cell.name)] + cell.entries.map { .init($0.state.rawValue, $0.state.terminalTone) }
            )
        }
        return table
    }
}

extension WorkloadVerdict {
    var terminalTone: TerminalStyle.Tone {
        switch self {
        case .runs: .good
        case .degraded: .warning
        case .fails, .broken: .bad
        }
    }
}

extension CellState {
    var terminalTone: TerminalStyle.Tone {
        switch self {
        case .works: .good
        case .partly: .warning
        case .missing: .bad
        case .notModelled, .neverExercised: .faint
        }
    }
}
