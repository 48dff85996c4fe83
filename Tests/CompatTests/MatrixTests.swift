// Several engines side by side.
import Compat
import Engine
import Foundation
import Report
import Testing

@Suite struct MatrixTests {
    /// The fixture's engine, and one on which every container's call works but the tool's reads do not.
    static let other: Scorecard = {
        var outcomes = Fixture.outcomes
        var container = Fixture.container
        container.roots = []
        container.calls = Fixture.counts(same: 100, notModelled: 2)
        container.cells = [
            Fixture.read: Fixture.counts(same: 93), Fixture.newMount: Fixture.counts(same: 7),
            Fixture.newUser: Fixture.counts(same: 1), Fixture.memfd: Fixture.counts(notModelled: 2),
        ]
        outcomes["container"] = .replayed(container)
        outcomes["tool"] = .engineFailed("the engine hung <here>", WorkloadObservation())
        return Scorecard(
            tool: "lacuna 0.1.0",
            engine: EngineIdentity(name: "other", version: "2", summary: "another"),
            corpus: Fixture.corpus,
            outcomes: outcomes
        )
    }()
    let matrix = EngineMatrix([Fixture.card(), other])

    private func cell(_ name: String) throws -> MatrixCell {
        try #require(matrix.cells.first { $0.name == name })
    }

    @Test func everyWorkloadHasOneEntryPerEngine() throws {
        #expect(matrix.engines.map(\.engine.name) == ["wsl1", "other"])
        #expect(matrix.workloads.map(\.name) == Fixture.corpus.workloads.map(\.name))
        let container = try #require(matrix.workloads.first { $0.name == "container" })
        #expect(container.entries.map(\.verdict) == [.fails, .runs])
        #expect(container.entries[0].firstFatal?.call == 41 && container.entries[1].firstFatal == nil)
        let tool = try #require(matrix.workloads.first { $0.name == "tool" })
        #expect(tool.entries.map(\.verdict) == [.degraded, .broken])
        #expect(tool.entries[1].problem?.contains("hung") == true)
        #expect(matrix.status == .error)
    }

    @Test func cellsOnWhichEnginesDifferComeFirst() throws {
        #expect(try cell("unshare(CLONE_NEWUSER)").entries.map(\.state) == [.missing, .works])
        #expect(try cell("unshare(CLONE_NEWUSER)").isDivided)
        // Nobody judged them on both.
        #expect(try !cell("memfd_create").isDivided && !cell("newfstatat").isDivided)
        #expect(try cell("newfstatat").entries[1].state == .neverExercised)
        let divided = matrix.cells.map(\.isDivided)
        #expect(divided == divided.sorted { $0 && !$1 } && divided.contains(true) && divided.contains(false))
    }

    @Test func aGapOfOneEngineAloneNamesItsRoot() throws {
        let gaps = matrix.specific.filter { $0.cell == "unshare(CLONE_NEWUSER)" || $0.cell == "unshare(CLONE_NEWNS)" }
        #expect(!gaps.isEmpty && gaps.allSatisfy { $0.engine == 0 })
        #expect(gaps.contains { $0.title.contains("EINVAL") && $0.root != nil })
        #expect(!matrix.specific.contains { $0.cell == "memfd_create" })
        // What all engines lack is nobody's alone.
        #expect(EngineMatrix([Fixture.card(), Fixture.card()]).specific.isEmpty)
    }

    @Test func questionsCountWhatWasJudged() throws {
        let namespaces = try #require(matrix.questions.first { $0.name == "namespaces" })
        #expect(namespaces.answers == [MatrixAnswer(good: 1, judged: 2), MatrixAnswer(good: 2, judged: 2)])
        #expect(!matrix.questions.contains { $0.name == "networking" })
    }

    @Test func theRenderersShowTheMatrix() throws {
        let text = MatrixReport(style: .plain).render(matrix)
        for word in ["wsl1", "other", "container", "unshare(CLONE_NEWUSER)", "broken", "namespaces"] {
            #expect(text.contains(word), "\(word)")
        }
        #expect(!text.contains("\u{1b}"))
        let html = HTMLMatrix(reports: ["wsl1/index.html", "other/index.html"]).render(matrix)
        #expect(html.contains("wsl1/index.html#workload-container") && html.contains("wsl1/index.html#root-1"))
        #expect(html.contains("hung &lt;here&gt;") && !html.contains("<here>"))
        let json = Data(JSONReport().render(matrix).utf8)
        #expect(try JSONDecoder().decode(EngineMatrix.self, from: json) == matrix)
    }
}
