// The rows of the side-by-side table that are measured, not replayed.
import LinuxABI

extension MatrixQuestion {
    /// Rows for which at least one engine has a figure.
    static func measured(_ cards: [Scorecard]) -> [MatrixQuestion] {
        Measurement.Kind.allCases.compactMap { kind in
            let answers = cards.map { card -> MatrixAnswer in
                if let figure = card.measurements?.first(where: { $0.kind == kind }) {
                    return MatrixAnswer(measured: figure.value, evidence: "measured")
                }
                if kind == .smallFiles, let cost = card.translation?.tally(of: Family.fs.rawValue),
                    let routines = cost.routinesPerCall, let packets = cost.packetsPerCall
                {
                    return MatrixAnswer(
                        measured: "\(routines) NT calls, \(packets) IRPs a call",
                        evidence: "translation"
                    )
                }
                return MatrixAnswer(good: 0, judged: 0)
            }
            guard answers.contains(where: { $0.measured != nil }) else { return nil }
            return MatrixQuestion(name: kind.rawValue, meaning: kind.meaning, isMeasured: true, answers: answers)
        }
    }
}
