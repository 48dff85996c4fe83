// The agent is one small static file.
import LiveEngine
import Testing

@Suite struct AgentBinaryTests {
    @Test func isAStaticELFFileBesideTheProgram() throws {
        let bytes = try ReplayAgentBinary.bytes()
        #expect(bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]))
        // ET_EXEC without an interpreter: it runs from wherever it is put.
        #expect(bytes[16] == 2)
        #expect(bytes.count < 256 * 1024)
    }
}
