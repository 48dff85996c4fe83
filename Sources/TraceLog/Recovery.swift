// What of a log could be read: all of it, or a prefix and why it ends there.

/// Whether a log was read to its end.
public struct Recovery: Sendable, Hashable, CustomStringConvertible {
    /// Why reading stopped early; nil when the log is complete.
    public var error: TraceError?
    /// Blocks read, the header included.
    public var blocks: Int
    /// Size of the file in bytes.
    public var fileBytes: UInt64
    /// Bytes at the end of the file that were not used.
    public var droppedBytes: UInt64

    public init(error: TraceError? = nil, blocks: Int = 0, fileBytes: UInt64 = 0, droppedBytes: UInt64 = 0) {
        self.error = error
        self.blocks = blocks
        self.fileBytes = fileBytes
        self.droppedBytes = droppedBytes
    }

    public var isComplete: Bool { error == nil }
    /// Offset at which the usable prefix ends.
    public var offset: UInt64 { fileBytes - droppedBytes }

    /// One line for people.
    public var description: String {
        guard let error else { return "complete, \(blocks) blocks" }
        return "\(error); kept \(blocks) blocks, dropped \(droppedBytes) of \(fileBytes) bytes"
    }
}
