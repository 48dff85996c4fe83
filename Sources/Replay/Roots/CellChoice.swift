// A call exercises several cells; this picks the ones that its divergence is about.
import Engine
import LinuxABI

/// The cells at fault in a divergence, as exactly as the evidence and the rest of the run tell.
struct CellChoice {
    let cells: [Cell]
    /// How they were narrowed down; empty when they were not.
    let reason: String

    /// - Parameter working: cells that other calls of this run exercised and that were the same.
    init(_ candidate: RootCandidate, working: Set<Cell>) {
        let all = candidate.cells
        guard all.count > 1 else {
            cells = all
            reason = ""
            return
        }
        let words = Self.words(candidate.evidence.note)
        let named = all.filter { cell in
            let selectors = Self.words(cell.selector)
            return !selectors.isEmpty && selectors.isSubset(of: words)
        }
        if !named.isEmpty, named.count < all.count {
            cells = named
            reason = "named by the engine: \(candidate.evidence.note)"
            return
        }
        // What works elsewhere in the run is not at fault here.
        let suspects = (named.isEmpty ? all : named).filter { !working.contains($0) }
        if !suspects.isEmpty, suspects.count < all.count {
            cells = suspects
            reason = "the other cells of this call work elsewhere in the recording"
            return
        }
        cells = all
        reason = ""
    }

    /// Names in a text: runs of letters, digits and underscores that are no ordinary word.
    private static func words(_ text: String) -> Set<Substring> {
        Set(
            text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.filter { word in
                word.contains("_") || word.allSatisfy { $0.isUppercase || $0.isNumber }
            }
        )
    }
}
