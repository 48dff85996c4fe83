// Stories in tests: replayed on a build, and what `lacuna explain` prints of them.
import Facts
import Replay
import Report
import Testing

@testable import PicoProvider

extension Story {
    func replay(build: Int) -> ReplayResult {
        Replayer(trace: trace).run { WSL1Engine(build: build) }
    }

    /// What `lacuna explain` prints, of the call that the story is about unless another is named.
    func explanation(of call: UInt64? = nil, build: Int = 19045) throws -> String {
        let result = replay(build: build)
        let explanation = try #require(result.explain(call: call ?? subject, in: trace))
        var report = ExplanationReport(explanation, result, of: trace, style: .plain)
        report.introduction = introduction
        return report.render()
    }
}
