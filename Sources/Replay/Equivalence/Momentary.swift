// Answers that tell the state of a machine at a moment: their shape is compared, their numbers are not.
import Engine
import LinuxABI
import TraceLog

enum Momentary {
    /// Fields of this size or less hold one number.
    private static let numberSize = 16

    /// Whether all that the environment would stand in for is momentary, and has the recorded answer's shape.
    static func fits(_ result: DispatchResult, _ call: RecordedCall) -> Bool {
        guard !result.given.isEmpty, result.given.allSatisfy(\.isMomentary), case .returned(let value) = result.outcome
        else { return false }
        let memory = MemoryChunks(result.writes)
        return result.given.allSatisfy { use in
            guard case .memory(let address, let count) = use.part, count > numberSize else { return true }
            let engine = memory.prefix(address, count: min(count, Int(clamping: value)))
            let recorded = call.output.prefix(address, count: min(count, Int(clamping: call.record.result)))
            return shape(engine) == shape(recorded)
        }
    }

    /// Text with each run of hexadecimal digits that has a decimal one, and each run of blanks, as one character.
    static func shape(_ text: [UInt8]) -> [UInt8] {
        var shape: [UInt8] = []
        var position = 0
        while position < text.count {
            let start = position
            while position < text.count, isHexadecimal(text[position]) { position += 1 }
            if position > start {
                let run = text[start..<position]
                if run.contains(where: { $0 <= UInt8(ascii: "9") }) {
                    shape.append(UInt8(ascii: "0"))
                } else {
                    shape += run
                }
                continue
            }
            let byte = text[position]
            position += 1
            let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
            if !isBlank || shape.last != UInt8(ascii: " ") { shape.append(isBlank ? UInt8(ascii: " ") : byte) }
        }
        return shape
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
