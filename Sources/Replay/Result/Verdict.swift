// What the comparison of one call came to, and who is to blame.

/// The verdict of one call. Raw values are the letters of the compact form, in which a result stores all calls.
public enum Verdict: UInt8, Sendable, Hashable, CaseIterable {
    /// Equivalent in every judged field.
    case same = 0x73  // s
    /// Another errno, value or field.
    case differs = 0x64  // d
    /// Differs, and the engine's own evidence says hole or stub.
    case unsupported = 0x75  // u
    /// The recording completed the call; the engine still waits.
    case blocked = 0x62  // b
    /// Differs, and an earlier root explains it.
    case follows = 0x66  // f
    /// Equivalent, and the environment answered some of it.
    case given = 0x67  // g
    /// Not compared: the recording, the description or our model lacks what is needed.
    case unjudged = 0x6a  // j
    /// The engine broke here, or had broken before.
    case engineFailed = 0x65  // e

    /// `same`, `engine failed`: what people read.
    public var name: String {
        switch self {
        case .same: "same"
        case .differs: "differs"
        case .unsupported: "unsupported"
        case .blocked: "blocked"
        case .follows: "follows"
        case .given: "given"
        case .unjudged: "unjudged"
        case .engineFailed: "engine failed"
        }
    }

    /// Whether the outcome is not equivalent to the recorded one.
    public var isDivergence: Bool {
        switch self {
        case .differs, .unsupported, .blocked, .follows: true
        case .same, .given, .unjudged, .engineFailed: false
        }
    }

    /// Whether the call counts in scores: same or divergent.
    public var isJudged: Bool { self == .same || isDivergence }
}

extension Verdict: Codable {
    public init(from decoder: any Decoder) throws {
        let name = try decoder.singleValueContainer().decode(String.self)
        guard let verdict = Verdict.allCases.first(where: { $0.name == name }) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "unknown verdict '\(name)'")
            )
        }
        self = verdict
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

/// Who is to blame for a verdict other than `same`.
public enum Culprit: String, Sendable, Hashable, Codable {
    /// The engine answers otherwise than Linux did.
    case engine
    /// The recording lacks something, or an outside actor interfered with it.
    case recording
    /// Our descriptions, rules or model.
    case replayer
}

/// How many calls came to each verdict.
public struct VerdictCounts: Sendable, Hashable, Codable {
    public var same: UInt64 = 0
    public var differs: UInt64 = 0
    public var unsupported: UInt64 = 0
    public var blocked: UInt64 = 0
    public var follows: UInt64 = 0
    public var given: UInt64 = 0
    public var unjudged: UInt64 = 0
    public var engineFailed: UInt64 = 0

    public init() {}

    public subscript(verdict: Verdict) -> UInt64 {
        get {
            switch verdict {
            case .same: same
            case .differs: differs
            case .unsupported: unsupported
            case .blocked: blocked
            case .follows: follows
            case .given: given
            case .unjudged: unjudged
            case .engineFailed: engineFailed
            }
        }
        set {
            switch verdict {
            case .same: same = newValue
            case .differs: differs = newValue
            case .unsupported: unsupported = newValue
            case .blocked: blocked = newValue
            case .follows: follows = newValue
            case .given: given = newValue
            case .unjudged: unjudged = newValue
            case .engineFailed: engineFailed = newValue
            }
        }
    }

    public var total: UInt64 { Verdict.allCases.reduce(0) { $0 + self[$1] } }
    /// Calls that count in scores.
    public var judged: UInt64 { same + divergences }
    public var divergences: UInt64 { differs + unsupported + blocked + follows }

    /// Calls same / calls judged in per mille, rounded down; nil when nothing was judged.
    public var perMille: UInt64? { judged == 0 ? nil : same * 1000 / judged }

    public static func += (left: inout Self, right: Self) {
        for verdict in Verdict.allCases { left[verdict] += right[verdict] }
    }
}
