// The numbers of the format: version, magic, limits, the block header. docs/trace-format.md is the prose.

/// Constants of the `.lacuna` format.
public enum TraceFormat {
    /// Readers refuse a log whose major version is newer than theirs.
    public static let majorVersion: UInt8 = 2
    /// Minor versions only add block types, metadata keys and ends of events blocks, which older readers skip.
    public static let minorVersion: UInt8 = 0
    static let version = FormatVersion(major: majorVersion, minor: minorVersion)
    /// Events blocks end with the calls that tasks made.
    static let versionWithCounts = FormatVersion(major: 1, minor: 1)
    /// First bytes of every block, and so of every log.
    static let magic: (UInt8, UInt8, UInt8, UInt8) = (0x89, 0x4C, 0x43, 0x4E)
    static let headerSize = 40
    /// No block is larger than this once decompressed.
    static let maximumRawSize = 64 << 20
    /// No block holds more calls, memory chunks or payloads than these.
    static let maximumCalls = 1 << 20
    static let maximumChunks = 1 << 22
    static let maximumPayloads = 1 << 22
    /// A longer payload is written as pieces of this size, in blocks of their own.
    static let pieceSize = 8 << 20
    /// Chunks of one call that get a column each; calls with more use the list layout.
    static let maximumSlots = 6
}

struct FormatVersion: Comparable, CustomStringConvertible {
    var major: UInt8
    var minor: UInt8

    var description: String { "\(major).\(minor)" }

    static func < (a: Self, b: Self) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
}

enum BlockType: UInt8 {
    case header = 1
    case snapshot = 2
    case events = 3
    case payloads = 4
    case trailer = 5
    case end = 6
}

enum BlockCodec: UInt8 {
    case stored = 0
    case zstd = 1
    /// zstd that refers to the dictionary, and in events blocks to the log's first blocks too.
    case zstdWithPrefix = 2
}

/// The 40 bytes in front of every block.
struct BlockHeader {
    var type: UInt8
    var codec: UInt8
    var major = TraceFormat.majorVersion
    var minor = TraceFormat.minorVersion
    /// Bytes that follow the header.
    var storedSize: UInt32
    /// Bytes after decompression.
    var rawSize: UInt32
    /// Number of the block in the file, from 0.
    var sequence: UInt64
    /// XXH64 of the stored bytes.
    var bodyHash: UInt64

    var version: FormatVersion { FormatVersion(major: major, minor: minor) }

    enum Fault {
        case magic
        case checksum
    }

    func encode(to sink: ByteSink) {
        let start = sink.count
        sink.append(TraceFormat.magic.0)
        sink.append(TraceFormat.magic.1)
        sink.append(TraceFormat.magic.2)
        sink.append(TraceFormat.magic.3)
        sink.append(type)
        sink.append(codec)
        sink.append(major)
        sink.append(minor)
        sink.appendFixed(storedSize)
        sink.appendFixed(rawSize)
        sink.appendFixed(sequence)
        sink.appendFixed(bodyHash)
        sink.appendFixed(xxh64(UnsafeRawBufferPointer(rebasing: sink.bytes[start..<(start + 32)])))
    }

    /// Reads a header from at least 40 bytes; nil and the fault if they are not one.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> (BlockHeader?, Fault?) {
        guard bytes[0] == TraceFormat.magic.0, bytes[1] == TraceFormat.magic.1,
            bytes[2] == TraceFormat.magic.2, bytes[3] == TraceFormat.magic.3
        else { return (nil, .magic) }
        let sum = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
        guard sum == xxh64(UnsafeRawBufferPointer(rebasing: bytes[0..<32])) else { return (nil, .checksum) }
        return (
            BlockHeader(
                type: bytes[4],
                codec: bytes[5],
                major: bytes[6],
                minor: bytes[7],
                storedSize: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)),
                rawSize: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)),
                sequence: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                bodyHash: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
            ),
            nil
        )
    }
}
