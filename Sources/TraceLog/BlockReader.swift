// Fetches one block: header, checksum, decompression, all sizes checked before memory is taken.
import CZstd

/// Reads whole blocks of a file. The bytes of a block are valid until the next one is read.
final class BlockReader {
    let file: LogFile
    private let stored = ByteSink(capacity: 64 << 10)
    private let raw = ByteSink(capacity: 256 << 10)
    private let context = ZSTD_createDCtx()
    private var prefix = ZstdPrefix()

    init(file: LogFile) { self.file = file }

    /// Reads blocks of the same log while the other one goes on.
    init(again other: BlockReader) {
        file = other.file
        prefix = other.prefix
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Where a block begins, and what was known when it was read.
    struct Place {
        fileprivate let offset: UInt64
        fileprivate let prefix: Int
    }

    func place(at offset: UInt64) -> Place { Place(offset: offset, prefix: prefix.count) }

    /// The payloads of a block that was read before.
    func payloads(_ place: Place, first: Int, _ decoder: inout PayloadDecoder) throws(TraceError) -> PayloadPage {
        let header = try header(at: place.offset)
        var cursor = ByteCursor(try decompressed(header, at: place.offset, known: place.prefix))
        var total: UInt64 = 0
        do { return try decoder.decode(&cursor, first: first, total: &total, limit: .max) } catch {
            throw corrupt(place.offset, "the log has changed: the block \(error.reason)")
        }
    }

    /// The header at an offset, checked against the file's size and the format's limits.
    func header(at offset: UInt64) throws(TraceError) -> BlockHeader {
        stored.clear()
        let room = stored.extend(TraceFormat.headerSize)
        let got = try file.read(at: offset, TraceFormat.headerSize, into: room)
        if offset == 0 { try checkStart(UnsafeRawBufferPointer(start: room, count: got)) }
        guard got == TraceFormat.headerSize else {
            throw cut(offset, "the log ends inside a block header (\(got) of \(TraceFormat.headerSize) bytes)")
        }
        let (header, fault) = BlockHeader.decode(stored.bytes)
        guard let header else {
            throw corrupt(
                offset,
                fault == .magic ? "no block begins here" : "the block header's checksum does not match"
            )
        }
        guard header.major <= TraceFormat.majorVersion else {
            throw TraceError(
                .newerVersion,
                file: file.name,
                offset: offset,
                message: "format version \(header.major).\(header.minor) is newer than"
                    + " \(TraceFormat.majorVersion).\(TraceFormat.minorVersion); read it with a newer lacuna"
            )
        }
        guard header.rawSize <= TraceFormat.maximumRawSize, header.storedSize <= TraceFormat.maximumRawSize else {
            throw corrupt(offset, "the block claims \(max(header.rawSize, header.storedSize)) bytes, more than allowed")
        }
        let end = offset + UInt64(TraceFormat.headerSize) + UInt64(header.storedSize)
        guard end <= file.size else {
            throw cut(offset, "the log ends inside a block (\(end - file.size) bytes missing)")
        }
        return header
    }

    /// The stored bytes after a header, checked against their hash.
    func body(of header: BlockHeader, at offset: UInt64) throws(TraceError) -> UnsafeRawBufferPointer {
        stored.clear()
        let size = Int(header.storedSize)
        let got = try file.read(at: offset + UInt64(TraceFormat.headerSize), size, into: stored.extend(size))
        guard got == size else { throw cut(offset, "the log ends inside a block (\(size - got) bytes missing)") }
        guard xxh64(stored.bytes) == header.bodyHash else {
            throw corrupt(offset, "the block's checksum does not match")
        }
        return stored.bytes
    }

    /// The decompressed contents of a block. Blocks are asked for in order, from the front, but for the trailer.
    func contents(of header: BlockHeader, at offset: UInt64) throws(TraceError) -> UnsafeRawBufferPointer {
        let contents = try decompressed(header, at: offset, known: prefix.count)
        prefix.add(header.type, contents)
        return contents
    }

    /// - Parameter known: how much of the prefix there was when the block was written.
    private func decompressed(
        _ header: BlockHeader,
        at offset: UInt64,
        known: Int
    ) throws(TraceError) -> UnsafeRawBufferPointer {
        let body = try body(of: header, at: offset)
        switch BlockCodec(rawValue: header.codec) {
        case .stored:
            guard header.rawSize == header.storedSize else {
                throw corrupt(offset, "the block's sizes contradict each other")
            }
            return body
        case .zstd, .zstdWithPrefix:
            let size = Int(header.rawSize)
            guard ZSTD_getFrameContentSize(body.baseAddress, body.count) == UInt64(size) else {
                throw corrupt(offset, "the block's sizes contradict each other")
            }
            raw.clear()
            let room = raw.extend(size)
            let prefix = UnsafeRawBufferPointer(rebasing: prefix.bytes(for: header.type).prefix(known))
            if header.codec == BlockCodec.zstdWithPrefix.rawValue {
                ZSTD_DCtx_refPrefix(context, prefix.baseAddress, prefix.count)
            }
            guard ZSTD_decompressDCtx(context, room, size, body.baseAddress, body.count) == size else {
                throw corrupt(offset, "the block does not decompress")
            }
            return raw.bytes
        case nil: throw corrupt(offset, "the block uses an unknown compression (\(header.codec))")
        }
    }

    private func checkStart(_ bytes: UnsafeRawBufferPointer) throws(TraceError) {
        let magic = [TraceFormat.magic.0, TraceFormat.magic.1, TraceFormat.magic.2, TraceFormat.magic.3]
        guard bytes.count > 0 else {
            throw TraceError(.notATrace, file: file.name, message: "is empty, not a lacuna log; record again")
        }
        guard zip(bytes, magic).allSatisfy({ $0 == $1 }) else {
            throw TraceError(
                .notATrace,
                file: file.name,
                message: "is not a lacuna log; `lacuna record -o FILE -- COMMAND` makes one"
            )
        }
    }

    private static let advice = "what precedes is intact; use it, or record again"

    func cut(_ offset: UInt64, _ reason: String) -> TraceError {
        TraceError(.cut, file: file.name, offset: offset, message: "\(reason); \(Self.advice)")
    }

    func corrupt(_ offset: UInt64, _ reason: String) -> TraceError {
        TraceError(.corrupt, file: file.name, offset: offset, message: "\(reason); \(Self.advice)")
    }

    /// The next offset at or after `offset` where a header with a matching checksum stands.
    func nextHeader(from offset: UInt64) throws(TraceError) -> UInt64? {
        let window = ByteSink(capacity: 1 << 20)
        var position = offset
        while position + UInt64(TraceFormat.headerSize) <= file.size {
            window.clear()
            let got = try file.read(at: position, 1 << 20, into: window.extend(1 << 20))
            guard got >= TraceFormat.headerSize else { return nil }
            for start in 0...(got - TraceFormat.headerSize) where window.base[start] == TraceFormat.magic.0 {
                let candidate = UnsafeRawBufferPointer(start: window.base + start, count: TraceFormat.headerSize)
                if BlockHeader.decode(candidate).0 != nil { return position + UInt64(start) }
            }
            position += UInt64(got - TraceFormat.headerSize + 1)
        }
        return nil
    }
}
