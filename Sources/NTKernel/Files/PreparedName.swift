// Names that are looked up again and again.

/// A name with what a look-up asks about it: worked out once by who keeps it.
public struct PreparedName: Sendable {
    public let text: String
    /// ``FileName/hash(_:)``.
    let hash: UInt64
    let isLegal: Bool

    public init(_ text: String) {
        self.text = text
        hash = FileName.hash(text)
        isLegal = FileName.isLegal(text)
    }
}
