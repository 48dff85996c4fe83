// What translating calls cost: sums by call and family, and the same figures in every report.
import Compat
import Engine
import LinuxABI
import Replay
import Report
import Testing

@Suite struct TranslationTests {
    private let result: ReplayResult = {
        var result = AdapterTests.result
        result.costs = [
            .init(call: "getpid", count: 4),
            .init(call: "mmap", count: 3, cost: TranslationCost(routines: 4)),
            .init(call: "openat", count: 3, cost: TranslationCost(routines: 8, packets: 10)),
            .init(call: "read", count: 2, cost: TranslationCost(routines: 2, packets: 2)),
        ]
        return result
    }()

    private var card: Scorecard {
        var plain = Fixture.plain
        plain.translation = result.translation
        var outcomes = Fixture.outcomes
        outcomes["plain"] = .replayed(plain)
        return Scorecard(tool: "lacuna 0.1.0", engine: Fixture.engine, corpus: Fixture.corpus, outcomes: outcomes)
    }

    @Test func ratiosAreRoundedToTheNearestHundredth() {
        #expect(Hundredths(8, per: 3)?.description == "2.67")
        #expect(Hundredths(1, per: 3)?.description == "0.33")
        #expect(Hundredths(7, per: 100)?.description == "0.07")
        #expect(Hundredths(5, per: 0) == nil)
    }

    @Test func familiesAddUpToTheWhole() throws {
        let calls = try #require(card.translation)
        #expect(calls.map(\.call) == ["openat", "read", "mmap", "getpid"])
        let families = card.families.compactMap(\.translation)
        #expect(families.reduce(TranslationTally()) { $0 + $1 } == calls.total)
        let files = try #require(card.families.first { $0.family == "fs" }?.translation)
        #expect(files == TranslationTally(calls: 5, routines: 10, packets: 12))
        #expect(files.routinesPerCall?.description == "2.00")
        #expect(files.packetsPerCall?.description == "2.40")
        #expect(card.families.first { $0.family == "net" }?.translation == nil)
    }

    @Test func allReportsShowTheSameFigures() throws {
        let json = JSONReport().render(card)
        #expect(try JSONReport().read(Array(json.utf8)) == card)
        #expect(json.contains(#""packetsPerCall" : "3.33""#))
        let terminal = TerminalReport(style: .plain).render(card)
        let line = try #require(terminal.split(separator: "\n").first { $0.hasPrefix("  openat ") })
        #expect(line.split(separator: " ") == ["openat", "3", "8", "10", "2.67", "3.33"])
        let html = HTMLReport().render(card)
        #expect(html.contains("Translation cost") && html.contains("2.67") && html.contains("2.00, 2.40"))
    }

    /// An engine that is a kernel of its own translates nothing.
    @Test func enginesThatTranslateNothingShowNoCost() {
        let card = Fixture.card()
        #expect(card.translation?.isEmpty == true)
        #expect(!TerminalReport(style: .plain).render(card).contains("NT CALLS"))
        #expect(!HTMLReport().render(card).contains("Translation cost"))
    }
}
