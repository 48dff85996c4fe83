// What can go wrong with a log: one line that names the file, the place and what to do.

/// A log could not be written or read.
public struct TraceError: Error, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The file is not a lacuna log.
        case notATrace
        /// The log was written by a newer major version of the format.
        case newerVersion
        /// The log ends in the middle of a block, or without its trailer.
        case cut
        /// A checksum does not match or a block contradicts itself.
        case corrupt
        /// The file cannot be opened or read.
        case unreadable
        /// No space is left for the log.
        case diskFull
        /// Writing failed for another reason than a full disk.
        case ioError
        /// Reading on would need more memory than the limit allows.
        case tooLarge
    }

    public var code: Code
    /// The file, as the caller named it.
    public var file: String
    /// Byte offset in the file of the block concerned, when there is one.
    public var offset: UInt64?
    /// What is wrong and what to do about it; a sentence without the file name.
    public var message: String
    /// The errno behind it, 0 if none.
    public var errno: Int32

    public init(_ code: Code, file: String, offset: UInt64? = nil, message: String, errno: Int32 = 0) {
        self.code = code
        self.file = file
        self.offset = offset
        self.message = message
        self.errno = errno
    }

    /// `trace.lacuna: byte 1234: …`, one line.
    public var description: String {
        guard let offset else { return "\(file): \(message)" }
        return "\(file): byte \(offset): \(message)"
    }
}
