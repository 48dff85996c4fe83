// Precision and recall of the replays' verdicts.
import Compat
import Testing

@Suite struct PredictionTests {
    private func row(_ verdict: WorkloadVerdict, works: Bool?) -> Prediction.Row {
        .init(workload: "w", engine: "e", verdict: verdict, reason: nil, works: works, observed: "")
    }

    @Test func sharesCountFailuresOnly() {
        let prediction = Prediction([
            row(.fails, works: false), row(.fails, works: false), row(.fails, works: true),
            row(.runs, works: true), row(.degraded, works: true), row(.degraded, works: false),
            // Neither can be compared.
            row(.broken, works: false), row(.fails, works: nil),
        ])
        #expect(prediction.compared == 6)
        #expect(prediction.right == 4)
        #expect(prediction.precision == PerMille(2, of: 3))
        #expect(prediction.recall == PerMille(2, of: 3))
    }

    @Test func withoutFailuresThereIsNoShare() {
        let prediction = Prediction([row(.runs, works: true)])
        #expect(prediction.precision == nil)
        #expect(prediction.recall == nil)
        #expect(prediction.right == 1)
    }
}
