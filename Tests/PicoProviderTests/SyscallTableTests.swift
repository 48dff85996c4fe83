// The table of handlers says beside each how much of the call lxcore has.
import Engine
import Facts
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct SyscallTableTests {
    private static let table = LxpSyscallTable.standard

    private func notes() throws -> [String: Set<String>] {
        let survey = try FactSurvey(builds: WSL1Engine.builds) { build, world throws(EngineFailure) in
            let engine = WSL1Engine(build: build)
            try engine.boot(world)
            return engine
        }
        return survey.partial
    }

    /// What a handler does less than Linux stands in the table, too.
    @Test func everyPartialAnswerIsAnnounced() throws {
        let silent = try notes().filter { name, _ in
            guard let fact = LxpSyscallFact.all.first(where: { $0.name == name }) else { return true }
            return Self.table[fact.number].state == .supported
        }
        #expect(silent.map { "\($0.key): \($0.value.sorted())" }.sorted() == [])
    }

    /// What the facts call partial is not announced as all there.
    @Test(arguments: LxpSyscallFact.all) func theTableSaysWhatTheFactsSay(_ fact: LxpSyscallFact) {
        let entry = Self.table[fact.number]
        switch (fact.status, entry.state) {
        case (.partial, .partial), (.partial, .stub): break
        case (.supported, .supported), (.supported, .partial), (.supported, .stub): break
        case (.unsupported, .hole), (.unknown, .hole): #expect(entry.handler == nil)
        default: Issue.record("\(fact.name) is \(fact.status) in the facts and \(entry.state) in the table")
        }
    }

    /// A note is one clause that fits beside its handler.
    @Test func everyPartialHandlerHasANote() {
        for fact in LxpSyscallFact.all {
            guard case .partial(let note) = Self.table[fact.number].state else { continue }
            #expect(note.count >= 10 && note.count <= 120 && note.last != ".", "\(fact.name): \(note)")
        }
    }

    /// A call that came later than a build is a hole of that build's table.
    @Test func oldBuildsHaveHoles() throws {
        let number = try #require(LxpSyscallFact.all.first { $0.name == "prlimit64" }?.number)
        #expect(LxpSyscallTable.standard(WSL1Build(14393))[number].state == .hole)
        #expect(LxpSyscallTable.standard(WSL1Build(18362))[number].state != .hole)
    }
}
