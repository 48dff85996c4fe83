// The verdicts of all calls, one byte each, written as run lengths.

/// One verdict per call, by call index. In JSON: `1203s 1d 4s`, runs in order.
public struct VerdictString: Sendable, Hashable {
    private var codes: [UInt8] = []

    public init() {}
    public init(repeating verdict: Verdict, count: Int) { codes = [UInt8](repeating: verdict.rawValue, count: count) }

    public var count: Int { codes.count }

    public subscript(index: Int) -> Verdict {
        get { Verdict(rawValue: codes[index]) ?? .unjudged }
        set { codes[index] = newValue.rawValue }
    }

    /// The verdict of a call; nil when the call was not replayed.
    public subscript(call call: UInt64) -> Verdict? {
        call < UInt64(codes.count) ? self[Int(call)] : nil
    }

    public mutating func append(_ verdict: Verdict) { codes.append(verdict.rawValue) }

    public var counts: VerdictCounts {
        var tally = [UInt64](repeating: 0, count: 256)
        for code in codes { tally[Int(code)] += 1 }
        var counts = VerdictCounts()
        for verdict in Verdict.allCases { counts[verdict] = tally[Int(verdict.rawValue)] }
        return counts
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
            codes += [UInt8](repeating: verdict.rawValue, count: length)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var text = ""
        var start = 0
        while start < codes.count {
            var end = start + 1
            while end < codes.count, codes[end] == codes[start] { end += 1 }
            if !text.isEmpty { text += " " }
            text += "\(end - start)" + String(UnicodeScalar(codes[start]))
            start = end
        }
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
