// Proves roots by experiment: replays with that one answer as it was, and with it replaced.
public import Engine
import LinuxABI
import TraceLog

extension Replayer {
    /// The receipt of a root: two replays on fresh engines.
    ///
    /// The first leaves the root's answers and all that follows from them unrepaired: what the attribution then blames on
    /// it is the claim. The second replaces the answers by the recorded ones, with the state that goes with them and no
    /// marks: the claimed calls must become equivalent, and no other verdict may change.
    public func receipt(for root: Root, making engine: () -> any Engine) -> Receipt {
        guard options.resynchronise else {
            return Receipt(root: root.call, status: .notPossible, reason: "resynchronisation is off")
        }
        let answers = Set(root.occurrences)
        let broken = run(on: engine(), experiment: Experiment(unrepaired: answers))
        let replaced = run(on: engine(), experiment: Experiment(overridden: answers))
        if let failure = broken.failure ?? replaced.failure {
            return Receipt(root: root.call, status: .notPossible, reason: "the engine failed: \(failure.reason)")
        }
        var receipt = Receipt(root: root.call, status: .proven, reason: "")
        var claimed: Set<UInt64> = []
        for report in broken.reports where report.verdict == .follows {
            if let cause = report.root, answers.contains(cause) { claimed.insert(report.call) }
        }
        receipt.claimed = claimed.sorted()
        receipt.vanished = receipt.claimed.filter { !diverges($0, replaced) }
        receipt.remaining = receipt.claimed.filter { diverges($0, replaced) }
        let calls = CallWindow(recording)
        for position in 0..<recording.count where calls.has(position) {
            calls.pass(position)
            let (before, after) = (broken.verdicts[position], replaced.verdicts[position])
            guard before.isDivergence != after.isDivergence || (before == .unjudged) != (after == .unjudged) else {
                continue
            }
            let index = calls.index(position)
            if !claimed.contains(index), !answers.contains(index) { receipt.unexplained.append(index) }
        }
        judge(&receipt, replaced)
        return receipt
    }

    private func diverges(_ call: UInt64, _ result: ReplayResult) -> Bool {
        result.report(of: call)?.verdict.isDivergence ?? false
    }

    private func judge(_ receipt: inout Receipt, _ replaced: ReplayResult) {
        if !receipt.unexplained.isEmpty {
            receipt.status = .refuted
            receipt.reason = "\(receipt.unexplained.count) calls changed that were not claimed"
        } else if receipt.claimed.isEmpty {
            receipt.reason = "no other call changes: nothing else depends on it"
        } else if receipt.remaining.isEmpty {
            receipt.reason = "all \(receipt.claimed.count) followers vanish, and nothing else changes"
        } else {
            let refused = replaced.report(of: receipt.root)?.notes.first { $0.hasPrefix("graft refused") }
            let why = refused ?? "the engine cannot hold what the answer stands for"
            receipt.status = receipt.vanished.isEmpty ? .notPossible : .partlyProven
            receipt.reason = "\(receipt.vanished.count) of \(receipt.claimed.count) followers vanish; \(why)"
        }
    }
}
