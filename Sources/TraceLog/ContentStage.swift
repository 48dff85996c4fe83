// Takes contents into a batch: numbers them, and copies those that are new.
import LinuxABI

struct ContentStage {
    private var known: ContentDictionary
    private let repeats = RepeatFinder()
    private let bulkSize: Int
    private let pieceSize: Int

    init(options: TraceWriter.Options) {
        known = ContentDictionary(limit: options.rememberedPayloads)
        bulkSize = min(Batch.bulkSize, options.pieceSize)
        pieceSize = options.pieceSize
    }

    /// Begins a batch.
    mutating func begin(_ batch: Batch) {
        known.turn()
        repeats.begin()
        batch.firstContent = known.next
        batch.oldestContent = known.oldest
    }

    /// The number of a content.
    @inline(__always)
    mutating func add(_ bytes: UnsafeRawBufferPointer, to batch: Batch) -> UInt64 {
        if bytes.count > pieceSize { return addPieces(bytes, to: batch) }
        switch known.number(ContentHash(of: bytes)) {
        case .known(let number): return number
        case .new(let number):
            if bytes.count >= bulkSize {
                addLarge(bytes, to: batch)
            } else {
                batch.add(bytes, isBulk: false)
            }
            return number
        case .renewed(let number, let was):
            batch.contents.append(StagedContent(start: Int(was), count: bytes.count, place: .earlier))
            return number
        }
    }

    private func addLarge(_ bytes: UnsafeRawBufferPointer, to batch: Batch) {
        let (first, start) = (batch.ranges.count, batch.bulk.count)
        if bytes.count >= RepeatFinder.smallest, bytes.count < pieceSize, repeats.find(bytes, batch) {
            batch.contents.append(StagedContent(start: first, count: batch.ranges.count - first, place: .ranges))
        } else {
            batch.add(bytes, isBulk: true)
        }
        repeats.index(batch.bulk, from: start)
    }

    /// A piece of a long content. A short last one is nobody else's: it could be made of parts, and pieces must not be.
    private mutating func addPiece(_ bytes: UnsafeRawBufferPointer, to batch: Batch) -> UInt64 {
        var hash = ContentHash(of: bytes)
        if bytes.count < pieceSize { hash.high = ~hash.high }
        switch known.number(hash) {
        case .known(let number): return number
        case .new(let number):
            batch.add(bytes, isBulk: bytes.count >= bulkSize)
            return number
        case .renewed(let number, let was):
            batch.contents.append(StagedContent(start: Int(was), count: bytes.count, place: .earlier))
            return number
        }
    }

    /// A content too long for one block. Its pieces come first, so that it can name them.
    private mutating func addPieces(_ bytes: UnsafeRawBufferPointer, to batch: Batch) -> UInt64 {
        let hash = ContentHash(of: bytes)
        if !known.isKnown(hash) {
            let pieces = stride(from: 0, to: bytes.count, by: pieceSize).map { start in
                addPiece(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + pieceSize, bytes.count)]),
                    to: batch
                )
            }
            let content = StagedContent(start: batch.pieces.count, count: pieces.count, place: .pieces)
            for piece in pieces { batch.pieces.append(piece) }
            batch.contents.append(content)
        }
        switch known.number(hash) {
        case .known(let number), .new(let number): return number
        case .renewed(let number, let was):
            batch.contents.append(StagedContent(start: Int(was), count: bytes.count, place: .earlier))
            return number
        }
    }

    // MARK: - Records

    /// Takes the contents of a batch's task and path records, once its calls are complete: what calls passed is known.
    mutating func addRecords(of batch: Batch) {
        for case .executed(let path, let arguments, let environment, _) in batch.tasks.map(\.kind) {
            add(path, batch)
            for argument in arguments { add(argument, batch) }
            for variable in environment { add(variable, batch) }
        }
        for record in batch.paths {
            let bytes = Array(record.path.utf8) + [0]
            let start = knownSuffix(bytes)
            batch.recordContents.append(UInt64(start))
            if start > 0 { add(bytes[..<start], batch) }
            add(bytes[start...], batch)
        }
        for record in batch.paths {
            if let target = record.linkTarget { add(Array(target.utf8)[...], batch) }
        }
        for record in batch.paths where !record.head.isEmpty { add(record.head[...], batch) }
        for record in batch.paths where record.status != FileStatus() { add(record.status.layout[...], batch) }
    }

    /// Strings are stored with a final NUL, as calls pass them, so that both share one payload.
    private mutating func add(_ string: String, _ batch: Batch) { add((Array(string.utf8) + [0])[...], batch) }

    private mutating func add(_ bytes: ArraySlice<UInt8>, _ batch: Batch) {
        batch.recordContents.append(bytes.withUnsafeBytes { add($0, to: batch) })
    }

    /// Where the longest part of a path begins that a call already passed, after a `/`; 0 if there is none.
    private func knownSuffix(_ path: [UInt8]) -> Int {
        guard !isKnown(path[...]) else { return 0 }
        for position in path.indices.dropLast(2) where path[position] == UInt8(ascii: "/") {
            if isKnown(path[(position + 1)...]) { return position + 1 }
        }
        return 0
    }

    private func isKnown(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes { known.isKnown(ContentHash(of: $0)) }
    }
}
