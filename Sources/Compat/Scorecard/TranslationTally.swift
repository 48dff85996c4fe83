// What translating calls into those of another kernel cost: the number behind "why is file I/O slow".
public import Engine

/// Linux calls that were answered, and what they took of the layer below.
public struct TranslationTally: Codable, Sendable, Hashable {
    /// Linux calls.
    public var calls: Int
    /// Routines of the layer below: NT calls.
    public var routines: Int
    /// I/O request packets.
    public var packets: Int

    public init(calls: Int = 0, routines: Int = 0, packets: Int = 0) {
        self.calls = calls
        self.routines = routines
        self.packets = packets
    }

    public init(_ count: UInt64, _ cost: TranslationCost) {
        self.init(calls: Int(count), routines: Int(cost.routines), packets: Int(cost.packets))
    }

    public var routinesPerCall: Hundredths? { Hundredths(routines, per: calls) }
    public var packetsPerCall: Hundredths? { Hundredths(packets, per: calls) }

    public static func + (left: Self, right: Self) -> Self {
        Self(
            calls: left.calls + right.calls,
            routines: left.routines + right.routines,
            packets: left.packets + right.packets
        )
    }

    private enum CodingKeys: String, CodingKey { case calls, routines, packets, routinesPerCall, packetsPerCall }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        calls = try container.decode(Int.self, forKey: .calls)
        routines = try container.decode(Int.self, forKey: .routines)
        packets = try container.decode(Int.self, forKey: .packets)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(calls, forKey: .calls)
        try container.encode(routines, forKey: .routines)
        try container.encode(packets, forKey: .packets)
        try container.encodeIfPresent(routinesPerCall?.description, forKey: .routinesPerCall)
        try container.encodeIfPresent(packetsPerCall?.description, forKey: .packetsPerCall)
    }
}

/// The tally of one Linux call.
public struct CallTranslation: Codable, Sendable, Hashable {
    /// `openat`.
    public var call: String
    /// The first family of its description: a call counts in one family only, so that families add up.
    public var family: String
    public var cost: TranslationTally

    public init(call: String, family: String, cost: TranslationTally) {
        self.call = call
        self.family = family
        self.cost = cost
    }
}

/// A ratio with two digits behind the point, rounded to the nearest.
public struct Hundredths: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let rawValue: Int

    /// nil: there is nothing to divide by.
    public init?(_ part: Int, per whole: Int) {
        guard whole > 0 else { return nil }
        rawValue = (part * 100 + whole / 2) / whole
    }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// `3.07`.
    public var description: String {
        let rest = rawValue % 100
        return "\(rawValue / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
