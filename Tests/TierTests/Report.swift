// What a program says of the calls it made: lines of $REPORT, see Programs/tier.h.
import LinuxABI
import Testing
import TraceLog

/// "tid call low high": the log holds between `low` and `high` such calls of that thread.
struct ReportLine {
    /// nil stands for all threads together.
    var thread: Int32?
    var calls: CallPattern
    var range: ClosedRange<Int>

    /// The lines of a report, those of the same thread and calls added up (a thread counts anew after an exec).
    static func parse(_ text: String) throws -> [ReportLine] {
        var sums: [Key: ClosedRange<Int>] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            try #require(words.count == 4, "a report's line: \(line)")
            let key = Key(thread: Int32(words[0]), calls: try #require(CallPattern(words[1]), "\(line)"))
            let low = try #require(Int(words[2]))
            let high = try #require(Int(words[3]))
            try #require(low <= high, "\(line)")
            let before = sums[key] ?? 0...0
            sums[key] = (before.lowerBound + low)...(before.upperBound + high)
        }
        return sums.map { ReportLine(thread: $0.thread, calls: $0.calls, range: $1) }
    }

    private struct Key: Hashable {
        var thread: Int32?
        var calls: CallPattern
    }
}

/// Which calls a report's line counts: `name`, `name/argument=value`, `mark/channel`, `i386:number`; all of them also
/// with `returned:` in front, for those whose result was seen.
struct CallPattern: Hashable {
    var number: UInt32
    var architecture = Architecture.x86_64
    var argument: (position: Int, mask: UInt64, value: UInt64)?
    var returned = false
    var text: String

    init?(_ text: Substring) {
        self.text = String(text)
        var rest = text
        if rest.hasPrefix("returned:") {
            returned = true
            rest = rest.dropFirst(9)
        }
        if rest.hasPrefix("i386:") {
            guard let number = UInt32(rest.dropFirst(5)) else { return nil }
            self.number = number
            architecture = .i386
            return
        }
        if rest.hasPrefix("mark/") {
            guard let channel = UInt64(rest.dropFirst(5)) else { return nil }
            number = Mark.number
            argument = (0, Mark.mask, Mark.bit | channel << 18)
            return
        }
        let parts = rest.split(separator: "/")
        guard let number = ABI.call(named: String(parts[0]))?.numbers.x86_64 else { return nil }
        self.number = UInt32(number)
        guard parts.count == 2 else { return }
        let sides = parts[1].split(separator: "=")
        guard sides.count == 2, let position = Int(sides[0]), let value = UInt64(sides[1]) else { return nil }
        argument = (position, ~0, value)
    }

    static func == (left: CallPattern, right: CallPattern) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// A numbered call: `getpgid(bit | channel << 18 | n)`, which no process has.
struct Mark {
    static let number = UInt32(ABI.call(named: "getpgid")?.numbers.x86_64 ?? 0)
    static let bit: UInt64 = 0x4000_0000
    static let mask: UInt64 = 0xffff_ffff_ffff_ffff << 18

    var index: UInt64
    var task: UInt32
    var channel: UInt64
    var count: UInt64
}
