// Decoded arguments, memory and results, with the rule that compares each.

/// A decoded value. Every leaf carries the rule that compares it.
public indirect enum Value: Hashable, Sendable {
    /// A number (sign-extended if its type is signed), how it prints, how it is compared.
    case scalar(Int64, ScalarFormat, Rule)
    /// Bytes; fewer than `fullLength` if the payload policy cut them.
    case bytes([UInt8], fullLength: Int, Rule)
    /// Text without its NUL.
    case string([UInt8], Rule)
    case structure([Field])
    case list([Value], Rule)
    /// An address and what it points to, if that was followed.
    case pointer(UInt64, Value?)
    /// Not known, and why: `bad pointer`, `cut`.
    case unavailable(String)

    public struct Field: Hashable, Sendable {
        public var name: String
        public var value: Value
        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }
}

/// A call decoded by its description.
public struct DecodedCall: Hashable, Sendable {
    /// Each argument; input memory below its pointer.
    public var arguments: [Value.Field]
    /// What the call wrote, by argument name; empty if it failed.
    public var output: [Value.Field]
    /// nil if the call did not return.
    public var result: Value?
}
