// What a block's compression may refer to besides itself: the format's dictionary and the log's first blocks.
import CTraceDictionary

/// Logs are often small, and begin alike. What a snapshot says of the environment is said again by the first execve.
struct ZstdPrefix {
    /// The dictionary, then the contents of the header block and of the snapshot block.
    private let bytes = ByteSink(capacity: 32 << 10)
    private var hasHeader = false
    private var hasSnapshot = false

    init() { bytes.append(UnsafeRawBufferPointer(start: CTraceDictionary_start(), count: CTraceDictionary_size)) }

    /// Bytes known so far.
    var count: Int { bytes.count }

    /// Events blocks may refer to all, others to the dictionary only, so that the trailer can be read by itself.
    func bytes(for type: UInt8) -> UnsafeRawBufferPointer {
        let all = bytes.bytes
        return type == BlockType.events.rawValue ? all : UnsafeRawBufferPointer(rebasing: all[..<CTraceDictionary_size])
    }

    /// Takes in the contents of a block, if it is the log's header or its first snapshot.
    mutating func add(_ type: UInt8, _ contents: UnsafeRawBufferPointer) {
        if type == BlockType.header.rawValue, !hasHeader {
            hasHeader = true
        } else if type == BlockType.snapshot.rawValue, hasHeader, !hasSnapshot {
            hasSnapshot = true
        } else {
            return
        }
        bytes.append(contents)
    }
}
