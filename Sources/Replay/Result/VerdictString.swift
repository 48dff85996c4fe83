// The verdicts of all calls, four bits each, written as run lengths.

/// One verdict per call, by call index. In JSON: `1203s 1d 4s`, runs in order.
public struct VerdictString: Sendable, Hashable {
    /// Two calls in a byte, the earlier in its low bits.
    private var codes: [UInt8] = []
    public private(set) var count = 0

    public init() {}
    public init(repeating verdict: Verdict, count: Int) {
        codes = [UInt8](repeating: verdict.code << 4 | verdict.code, count: (count + 1) / 2)
        self.count = count
        clearRest()
    }

    public subscript(index: Int) -> Verdict {
        get { Verdict.coded[Int(code(index))] }
        @inline(__always)
        set {
            precondition(index < count, "a verdict of no call")
            let shift = UInt8(index & 1) << 2
            codes[index >> 1] = codes[index >> 1] & ~(15 << shift) | newValue.code << shift
        }
    }

    private func code(_ index: Int) -> UInt8 { codes[index >> 1] >> (UInt8(index & 1) << 2) & 15 }

    /// Equal strings have equal bytes.
    private mutating func clearRest() {
        if count & 1 != 0 { codes[count >> 1] &= 15 }
    }

    /// The verdict of a call; nil when the call was not replayed.
    public subscript(call call: UInt64) -> Verdict? {
        call < UInt64(count) ? self[Int(call)] : nil
    }

    public mutating func append(_ verdict: Verdict) {
        if count & 1 == 0 { codes.append(0) }
        count += 1
        self[count - 1] = verdict
    }

    public var counts: VerdictCounts {
        var tally = [UInt64](repeating: 0, count: 16)
        for index in 0..<count { tally[Int(code(index))] += 1 }
        var counts = VerdictCounts()
        for verdict in Verdict.allCases { counts[verdict] = tally[Int(verdict.code)] }
        return counts
    }
}

extension Verdict {
    fileprivate static let coded: [Verdict] = [
        .same, .differs, .unsupported, .blocked, .follows, .given, .unjudged, .engineFailed,
    ]

    /// Below eight.
    var code: UInt8 {
        switch self {
        case .same: 0
        case .differs: 1
        case .unsupported: 2
        case .blocked: 3
        case .follows: 4
        case .given: 5
        case .unjudged: 6
        case .engineFailed: 7
        }
    }
}

extension VerdictString: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        for run in text.split(separator: " ") {
            guard let letter = run.utf8.last, let verdict = Verdict(rawValue: letter),
                let length = Int(run.dropLast()), length > 0
            else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath, debugDescription: "'\(run)' is not a run of verdicts")
                )
            }
            for _ in 0..<length { append(verdict) }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var text = ""
        var start = 0
        while start < count {
            var end = start + 1
            let code = code(start)
            while end < count, self.code(end) == code { end += 1 }
            if !text.isEmpty { text += " " }
            text += "\(end - start)" + String(UnicodeScalar(Verdict.coded[Int(code)].rawValue))
            start = end
        }
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
