// The agent as a program of an engine.
import Engine
import LiveEngine

/// Speaks to an agent that an engine runs.
final class ProgramTransport: AgentTransport {
    private let program: any EngineProgram
    private var inbox: [UInt8] = []
    private var start = 0
    private var errors: [UInt8] = []
    private let engine: RunningEngine

    init(_ program: any EngineProgram, of engine: RunningEngine) {
        self.program = program
        self.engine = engine
    }

    func send(_ bytes: [UInt8]) throws(EngineFailure) {
        do throws(LaunchError) { try program.send(bytes) } catch { throw EngineFailure("\(engine.name): \(error)") }
    }

    func receive(atMost limit: Int, milliseconds: Int) throws(EngineFailure) -> [UInt8] {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while start == inbox.count {
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard left >= 0 else { return [] }
            let event: ProgramEvent?
            do throws(LaunchError) {
                event = try program.next(milliseconds: Int(left.rounded(.up)))
            } catch { throw EngineFailure("\(engine.name): \(error)") }
            switch event {
            case .output(1, let bytes):
                inbox = bytes
                start = 0
            case .output(_, let bytes): errors = (errors + bytes).suffix(4096)
            case .ended(let status): throw EngineFailure("\(engine.name): the agent has ended (\(ended(status)))")
            case nil: if left <= 0 { return [] }
            }
        }
        let piece = inbox[start..<min(inbox.count, start + limit)]
        start += piece.count
        return Array(piece)
    }

    func close() {
        program.stop()
    }

    private func ended(_ status: Int32) -> String {
        let how = status & 0x7f != 0 ? "signal \(status & 0x7f)" : "status \((status >> 8) & 0xff)"
        return lastLine(errors).map { "\(how); it said: \($0)" } ?? how
    }
}
