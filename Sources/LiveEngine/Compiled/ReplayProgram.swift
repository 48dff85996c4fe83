// A replay as a file for an agent without a connection: the bytes of Sources/ReplayAgent/Program.h.
import Engine

/// What a compiled program says of itself, and where its calls are in it.
public struct ReplayProgram: Sendable {
    /// One call in the program.
    struct Entry: Sendable {
        var step: UInt32
        var number: Int
        var isOwn: Bool
        /// Of the memory that the call reads.
        var inputs: Int
        /// The recorded call was interrupted: so is one that the agent ends.
        var isInterrupted: Bool
    }

    static let headerSize = 256
    private static let magic = Array("LACUNA-P".utf8)
    private static let rootRoom = 192

    let greeting: AgentGreeting
    let namespaces: UInt64
    let rootPath: String
    let body: [UInt8]
    let steps: UInt32
    /// The calls that were made for a recorded one, by its index.
    let entries: [UInt64: [Entry]]
    /// Pids of the tasks before the first call, as references to the steps that made them, by the recorded ones.
    let firstPids: [Int64: Int64]
    /// The slot of the recording's first process.
    let rootSlot: UInt32

    /// FNV-1a of the body.
    var hash: UInt64 { body.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } }

    /// The file.
    public var bytes: [UInt8] {
        var head = ByteWriter()
        head.bytes = Self.magic
        head.add(UInt32(1))
        head.add(UInt32(greeting.descriptors.upperBound - 1))
        head.add(hash)
        head.add(greeting.handler)
        head.add(greeting.restorer)
        head.add(namespaces)
        head.add(UInt64(steps))
        head.add(UInt64(0))
        head.bytes += Array(rootPath.utf8.prefix(Self.rootRoom - 1))
        head.bytes += [UInt8](repeating: 0, count: Self.headerSize - head.bytes.count)
        return head.bytes + body
    }

    /// How many calls of the recording it makes.
    public var callCount: Int { entries.values.count { $0.contains { !$0.isOwn } } }
}

/// What an argument is that only the run knows: the result of an earlier step.
enum StepReference {
    case result(UInt32)
    /// Halves of the first eight bytes that the step wrote.
    case low(UInt32)
    case high(UInt32)

    private static let mark: Int64 = 0x4a5a << 48

    var word: Int64 {
        switch self {
        case .result(let step): Self.mark | Int64(step)
        case .low(let step): Self.mark | 1 << 40 | Int64(step)
        case .high(let step): Self.mark | 2 << 40 | Int64(step)
        }
    }

    /// The step whose result the word stands for.
    static func step(of word: Int64) -> UInt32? {
        word >> 40 == mark >> 40 ? UInt32(truncatingIfNeeded: word) : nil
    }
}

/// When the agent makes a step.
enum StepCondition: Equatable {
    case always
    case ifFailed(UInt32)
    case ifSucceeded(UInt32)
    case ifPending(UInt32)

    var words: (kind: UInt32, step: UInt32) {
        switch self {
        case .always: (0, 0)
        case .ifFailed(let step): (1, step)
        case .ifSucceeded(let step): (2, step)
        case .ifPending(let step): (3, step)
        }
    }
}
