// Which cell of a diverging call is to blame.
import Engine
import LinuxABI

/// A call exercises several cells (`unshare(CLONE_NEWNS)` and `unshare(CLONE_NEWUSER)` in one call); a root names one.
///
/// In order: the cell whose selector the engine's own note names; else, of those that no call of the corpus has shown to
/// work (if there are any), the most suspicious one by Ochiai's measure over the corpus (often in diverging calls, seldom
/// in calls that were the same); ties go to the cell with a selector, then by name.
struct Blame {
    private var passed: [Cell: Int] = [:]
    private var failed: [Cell: Int] = [:]

    init(_ observations: some Sequence<WorkloadObservation>) {
        for observation in observations {
            for (cell, counts) in observation.cells { passed[cell, default: 0] += counts.same }
            for root in observation.roots {
                for cell in root.cells { failed[cell, default: 0] += root.hits }
            }
        }
    }

    func culprit(of root: RootObservation) -> Cell? {
        let named = root.cells.filter { !$0.selector.isEmpty && mentions(root.evidence.note, $0.selector) }
        // `clone(SIGCHLD|CLONE_NEWNS)`: where `clone(SIGCHLD)` has worked before, the failure is not its own.
        let unproven = root.cells.filter { passed[$0, default: 0] == 0 }
        let candidates = named.isEmpty ? (unproven.isEmpty ? root.cells : unproven) : named
        return candidates.min { left, right in
            let suspicion = (suspicion(left), suspicion(right))
            if suspicion.0 != suspicion.1 { return suspicion.0 > suspicion.1 }
            if left.selector.isEmpty != right.selector.isEmpty { return right.selector.isEmpty }
            return left < right
        }
    }

    /// Ochiai, squared and without the factor that is the same for all cells of one call.
    private func suspicion(_ cell: Cell) -> Double {
        let failed = Double(failed[cell] ?? 0)
        let passed = Double(passed[cell] ?? 0)
        return failed == 0 ? 0 : failed * failed / (failed + passed)
    }

    /// Whether `text` holds `word` as a whole word.
    private func mentions(_ text: String, _ word: String) -> Bool {
        func partOfWord(_ byte: UInt8?) -> Bool {
            guard let byte else { return false }
            return byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xdf)
        }
        let text = Array(text.utf8)
        let word = Array(word.utf8)
        guard !word.isEmpty, text.count >= word.count else { return false }
        for start in 0...(text.count - word.count) where text[start..<(start + word.count)].elementsEqual(word) {
            let before = start > 0 ? text[start - 1] : nil
            let after = start + word.count < text.count ? text[start + word.count] : nil
            if !partOfWord(before), !partOfWord(after) { return true }
        }
        return false
    }
}
