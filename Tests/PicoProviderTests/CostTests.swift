// What a call costs in calls of the executive and in packets, and what its evidence says of them.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct CostTests {
    @Test func aCallThatTheProviderServesAloneCostsNothing() throws {
        let guest = try Guest()
        #expect(try guest.call("getpid").result.cost == TranslationCost())
        #expect(try guest.call("rt_sigprocmask", 0, 0, 0, 8).result.cost == TranslationCost())
    }

    @Test func everyRoutineInTheEvidenceIsCounted() throws {
        let guest = try Guest()
        let made = try guest.call("open", "/tmp/a", .flags("O_RDWR", "O_CREAT"), 0o644)
        let cost = try #require(made.result.cost)
        #expect(Int(cost.routines) == made.result.evidence.steps.count)
        #expect(cost.routines > 0 && cost.packets > 0)
        let again = try guest.call("open", "/tmp/a", .flags("O_RDWR"), 0)
        let cheaper = try #require(again.result.cost)
        #expect(cheaper.packets < cost.packets)
    }

    /// The counts do not depend on whether the texts are kept.
    @Test func costIsCountedWithoutEvidence() throws {
        let guest = try Guest()
        let quiet = try Guest()
        quiet.engine.collectsEvidence = false
        let path: Argument = "/etc/hosts"
        let loud = try guest.call("open", path, 0, 0)
        let silent = try quiet.call("open", path, 0, 0)
        #expect(silent.result.evidence.steps.isEmpty && !loud.result.evidence.steps.isEmpty)
        #expect(loud.result.cost == silent.result.cost)
    }

    @Test func aWaitCostsNothingUntilItIsOverAndThenAllOfIt() throws {
        let guest = try Guest()
        let ends = try guest.call("pipe2", .room(8), 0)
        let waiting = try guest.call("read", .number(Int64(ends.int32(0))), .room(4), 4)
        #expect(waiting.isBlocked && waiting.result.cost == nil)
    }

    /// A status comes with its errno and with the ground on which that is said.
    @Test func aFailedStatusNamesItsErrnoAndItsGround() throws {
        let guest = try Guest()
        let missing = try guest.call("open", "/etc/none", 0, 0)
        #expect(missing.errno == .ENOENT)
        let failed = missing.result.evidence.steps.filter { $0.status == "STATUS_OBJECT_NAME_NOT_FOUND" }
        #expect(failed.map(\.errno) == [Evidence.Translation(name: "ENOENT", ground: "consensus")])
        let found = try guest.call("open", "/etc/hosts", 0, 0)
        #expect(found.result.evidence.steps.allSatisfy { $0.errno == nil })
    }
}
