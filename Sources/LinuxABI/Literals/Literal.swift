// Values of calls as people write them, in strace's notation.

/// A value as text has it: an argument that is to be encoded, or a pattern that decoded memory must fit.
public indirect enum Literal: Sendable, Hashable {
    case number(Int64)
    /// Bytes; an argument that is a string gets a NUL behind them.
    case text([UInt8])
    /// Lower-case: something that an earlier call bound, or binds here.
    case name(String)
    /// `_`: room for output, or anything.
    case any
    case list([Literal], isPrefix: Bool)
    case structure([Field])
    /// `A => B`: memory that goes in as A and comes out as B.
    case change(Literal, Literal)
    /// `A@P`: memory at a place that later calls name again.
    case placed(Literal, String)
    /// `A:4`: an integer of so many bytes, little-endian, in `<…>`; or text.
    case packed([Literal])
    case sized(Literal, Int)
    case operation(Operator, Literal, Literal)
    /// `~"text"`: text that holds this.
    case containing([UInt8])
    /// `!A`: anything else.
    case not(Literal)
    /// `>A`
    case above(Literal)

    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: Literal

        public init(_ name: String, _ value: Literal) {
            self.name = name
            self.value = value
        }
    }
    public enum Operator: Sendable, Hashable { case or, plus, minus, times, shift }
}

/// Text that is no value, or a value that does not fit where it stands.
public struct LiteralError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

extension Literal {
    /// What the names stand for.
    public typealias Names = [String: Int64]

    /// Names that are bound and operations are worked out; names that are not stay.
    public func evaluated(_ names: Names) throws(LiteralError) -> Literal {
        switch self {
        case .name(let name): return names[name].map { .number($0) } ?? self
        case .operation(let operation, let left, let right):
            let (left, right) = (try left.evaluated(names), try right.evaluated(names))
            if case .text(let bytes) = left, case .number(let count) = right, operation == .times {
                guard 0...(1 << 24) ~= count else { throw LiteralError("a text cannot be repeated \(count) times") }
                return .text(Array(repeatElement(bytes, count: Int(count)).joined()))
            }
            if case .text(let first) = left, case .text(let second) = right, operation == .plus {
                return .text(first + second)
            }
            guard case .number(let first) = left, case .number(let second) = right else {
                throw LiteralError("only numbers can be reckoned with")
            }
            switch operation {
            case .or: return .number(first | second)
            case .plus: return .number(first &+ second)
            case .minus: return .number(first &- second)
            case .times: return .number(first &* second)
            case .shift: return .number(first << second)
            }
        default: return self
        }
    }

    /// The number that the literal is, nil if it is no number.
    public func number(_ names: Names) throws(LiteralError) -> Int64? {
        if case .number(let value) = try evaluated(names) { value } else { nil }
    }
}
