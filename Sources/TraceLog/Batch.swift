// What the capture loop has appended and the encoder has not yet taken: plain buffers that are filled and recycled.
import LinuxABI

struct StagedCall: BitwiseCopyable {
    var index: UInt64
    var entryTime: UInt64
    var exitTime: UInt64
    var arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var result: UInt64
    var task: UInt32
    var number: UInt32
    var firstChunk: UInt32
    var chunkCount: UInt32
    var flags: UInt16
    /// Kinds of the first slots, two bits each.
    var kinds: UInt16
    var architecture: UInt8
}

struct StagedChunk: BitwiseCopyable {
    var address: UInt64
    var length: UInt64
    /// Number of the content, see `ContentDictionary`.
    var content: UInt64
    /// Bytes of the content.
    var count: Int
    var hash: ContentHash
    /// Bit 0: written by the call. Bit 1: `length` and `hash` differ from what the payload says.
    var kind: UInt8
}

/// A content that a batch met first.
struct StagedContent: BitwiseCopyable {
    enum Place: UInt8, BitwiseCopyable {
        case arena
        case bulk
        /// In pieces: `count` numbers from `start` in `Batch.pieces`.
        case pieces
        /// Among other large contents: `count` ranges from `start` in `Batch.ranges`.
        case ranges
        /// Nowhere: it is an older content, whose number is `start`.
        case earlier
    }
    var start: Int
    var count: Int
    var place: Place
}

/// One block's worth of events before encoding.
final class Batch {
    /// Contents from this size on are kept apart, in order of capture, because they repeat in parts. Bytes.
    static let bulkSize = 1024
    /// Room before the first byte of `bulk`, for the directory of the payload block that it becomes.
    static let bulkHeadroom = 64 << 10

    let calls = Staging<StagedCall>(capacity: 1 << 10)
    let chunks = Staging<StagedChunk>(capacity: 1 << 10)
    /// Contents numbered from `firstContent`.
    let contents = Staging<StagedContent>(capacity: 1 << 10)
    var firstContent: UInt64 = 0
    /// Contents below are forgotten.
    var oldestContent: UInt64 = 0
    let arena = ByteSink(capacity: 64 << 10)
    let bulk = ByteSink(capacity: 2 * bulkHeadroom)
    /// Contents that make up those that are in pieces.
    let pieces = Staging<UInt64>()
    /// Ranges of `bulk` that make up contents.
    let ranges = Staging<BulkRange>()
    /// Contents of the records below, in the order in which the encoder needs them.
    let recordContents = Staging<UInt64>()
    var tasks: [TaskRecord] = []
    var signals: [SignalRecord] = []
    var paths: [PathRecord] = []
    /// Rough size of the records that are not calls, in bytes.
    var recordBytes = 0
    /// How far behind whoever feeds the writer is, 0 to 1.
    var pressure = 0.0

    init() { clear() }

    var isEmpty: Bool { calls.count == 0 && tasks.isEmpty && signals.isEmpty && paths.isEmpty }
    /// Rough size of the block that this will be, in bytes before compression.
    @inline(__always)
    var size: Int { arena.count + bulk.count + calls.count * 32 + chunks.count * 8 + recordBytes }
    /// Memory that is in use, in bytes.
    var footprint: Int {
        arena.count + bulk.count + calls.count * MemoryLayout<StagedCall>.stride
            + chunks.count * MemoryLayout<StagedChunk>.stride + contents.count * MemoryLayout<StagedContent>.stride
            + ranges.count * MemoryLayout<BulkRange>.stride + recordBytes * 4
    }
    /// Bytes of large contents.
    var bulkBytes: Int { bulk.count - Self.bulkHeadroom }

    /// Copies a content that is new.
    @inline(__always)
    func add(_ bytes: UnsafeRawBufferPointer, isBulk: Bool) {
        let sink = isBulk ? bulk : arena
        contents.append(StagedContent(start: sink.count, count: bytes.count, place: isBulk ? .bulk : .arena))
        sink.append(bytes)
    }

    /// Not for contents in ranges.
    func bytes(_ content: StagedContent) -> UnsafeRawBufferPointer {
        let sink = content.place == .bulk ? bulk : arena
        return UnsafeRawBufferPointer(start: sink.base + content.start, count: content.count)
    }

    func ranges(of content: StagedContent) -> [BulkRange] {
        (content.start..<(content.start + content.count)).map { ranges[$0] }
    }

    func bytes(_ range: BulkRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bulk.base + range.start, count: range.count)
    }

    func clear() {
        calls.clear()
        chunks.clear()
        contents.clear()
        arena.clear()
        bulk.clear()
        pieces.clear()
        ranges.clear()
        _ = bulk.extend(Self.bulkHeadroom)
        recordContents.clear()
        tasks.removeAll(keepingCapacity: true)
        signals.removeAll(keepingCapacity: true)
        paths.removeAll(keepingCapacity: true)
        recordBytes = 0
        pressure = 0
    }
}
