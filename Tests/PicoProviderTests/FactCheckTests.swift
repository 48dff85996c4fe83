// The checks of corpora/facts/wsl1/checks, on every build.
import Engine
import Facts
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct FactCheckTests {
    private func survey(_ build: Int?) throws -> FactSurvey {
        try FactSurvey(builds: WSL1Engine.builds, chosen: build) { build, world throws(EngineFailure) in
            let engine = WSL1Engine(build: build)
            try engine.boot(world)
            return engine
        }
    }

    private func failures(_ survey: FactSurvey) -> [String] {
        survey.rows.filter { $0.state == .failed }.map { "\($0.row.name): \($0.reason)" } + survey.brokenChecks
    }

    /// Each check on the newest build on which its fact holds.
    @Test func noFactFails() throws {
        let survey = try survey(nil)
        #expect(failures(survey) == [])
        #expect(survey.rows.filter { $0.state == .unchecked }.map(\.row.name) == [])
        // What no check comes by has its reason, and nothing else has one.
        let entries = survey.statuses + survey.mappings
        #expect(entries.filter { $0.isReached != $0.note.isEmpty }.map(\.name) == [])
    }

    /// Builds between which most facts change.
    @Test(arguments: [14393, 16299, 17763, 18363]) func noFactFailsOnBuild(_ build: Int) throws {
        #expect(failures(try survey(build)) == [])
    }

    /// A row that no check names is a row that nobody looked at.
    @Test func everyRowIsOfOneTable() {
        let names = FactRow.all.filter { $0.table != .behaviours }.map { "\($0.table.rawValue) \($0.name)" }
        #expect(Set(names).count == names.count)
        #expect(FactRow.all.count { $0.table == .syscalls } == LxpSyscallFact.all.count)
        #expect(FactRow.all.count { $0.table == .features } == LxpFeatureFact.all.count)
    }

    @Test func aWrongPromiseIsFound() throws {
        let text = "= syscalls: getpid\ngetpid() -> 7\n"
        let check = try #require(try FactCheck.parse(text, file: "x.checks").first)
        let runner = FactRunner { world throws(EngineFailure) in
            let engine = WSL1Engine()
            try engine.boot(world)
            return engine
        }
        #expect(runner.run(check) == .failed(line: 2, step: "getpid() -> 7", reason: "it is 100"))
    }

    @Test(arguments: [
        ("= syscalls: nosuch\ngetpid()\n", "x.checks:1: syscalls has no row `nosuch`"),
        ("getpid()\n", "x.checks:1: a check starts with the rows that it proves: = syscalls: read"),
        ("= syscalls: read\nread(0, _, NOSUCH)\n", "x.checks:2: no description defines the constant NOSUCH"),
        ("= syscalls: read\nbuilds 3-2\nread()\n", "x.checks:2: builds are given as 17063- or -16299 or 15063-16299"),
        ("= syscalls: read\n", "x.checks:1: a check has steps, or says why there can be none"),
    ]) func aFileThatCannotBeReadSaysWhere(_ text: String, _ message: String) {
        #expect(throws: FactCheckError.self) { try FactCheck.parse(text, file: "x.checks") }
        do { _ = try FactCheck.parse(text, file: "x.checks") } catch { #expect(error.description == message) }
    }
}
