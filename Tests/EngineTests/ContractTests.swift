// The contract's values behave before any engine is there.
import Engine
import Foundation
import Testing

@Suite("Engine contract")
struct ContractTests {
    @Test("Nothing is offered and nothing is given unless an environment says so")
    func defaults() {
        let environment = Environment()
        #expect(environment.names.offer(.task, for: 0) == nil)
        #expect(environment.given.number(.clock(id: 0), for: 0) == nil)
        #expect(environment.given.bytes(.bytes(address: 1, count: 2, what: ""), for: 0) == nil)
        #expect(environment.engineServed.isEmpty)
    }

    @Test("Evidence survives its encoding")
    func evidence() throws {
        var evidence = Evidence()
        evidence.handler = "LxpSyscall_OPENAT"
        evidence.support = .partial
        evidence.steps = [.init("NtCreateFile", "\\home", status: "STATUS_OBJECT_NAME_NOT_FOUND")]
        let decoded = try JSONDecoder().decode(Evidence.self, from: JSONEncoder().encode(evidence))
        #expect(decoded == evidence)
        let use = GivenUse(name: "clock reading", part: .memory(address: 16, count: 8))
        #expect(try JSONDecoder().decode(GivenUse.self, from: JSONEncoder().encode(use)) == use)
    }
}
