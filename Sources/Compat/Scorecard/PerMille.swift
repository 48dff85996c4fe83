// A share in thousandths, rounded down, so that 1000 always means all.

/// A score in per mille (0 … 1000), rounded down: 1000 means all, never almost all.
public struct PerMille: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    public let rawValue: Int

    /// Clamped to 0 … 1000.
    public init(_ rawValue: Int) { self.rawValue = min(max(rawValue, 0), 1000) }

    /// `part` of `whole`, rounded down. Nothing of nothing is nil: it was never judged.
    public init?(_ part: Int, of whole: Int) {
        guard whole > 0 else { return nil }
        self.init(part * 1000 / whole)
    }

    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Int.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    public static let none = Self(0)
    public static let all = Self(1000)

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// `87.3 %`.
    public var description: String { "\(rawValue / 10).\(rawValue % 10) %" }
}

/// The share of installations that use a workload, in millionths, so that sums are exact.
public struct Weight: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    public let millionths: Int

    public init(millionths: Int) { self.millionths = millionths }
    public init(_ share: Double) { millionths = Int((share * 1_000_000).rounded()) }

    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Double.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(share)
    }

    public static let zero = Self(millionths: 0)

    /// 0 … 1.
    public var share: Double { Double(millionths) / 1_000_000 }

    public static func < (left: Self, right: Self) -> Bool { left.millionths < right.millionths }
    public static func + (left: Self, right: Self) -> Self { Self(millionths: left.millionths + right.millionths) }

    /// `0.6`.
    public var description: String { "\(share)" }
}
