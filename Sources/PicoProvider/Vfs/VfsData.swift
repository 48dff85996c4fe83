// File and stream data of which parts may be unknown (never proved by the recording, or cut by its payload policy).

/// A run of bytes in order. Unknown parts have a length and no value: when they reach tracee memory they are *given*.
struct VfsData: Sendable {
    enum Segment: Sendable {
        case bytes(ArraySlice<UInt8>)
        /// `what` names the thing for ``GivenUse``: `file content that was not recorded`.
        case unknown(count: Int, what: String)

        var count: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .unknown(let count, _): count
            }
        }
    }

    private(set) var segments: [Segment] = []
    private(set) var count = 0

    init() {}

    init(_ bytes: [UInt8]) { append(.bytes(bytes[...])) }

    init(_ string: String) { self.init(Array(string.utf8)) }

    init(unknown count: Int, what: String) { append(.unknown(count: count, what: what)) }

    var isEmpty: Bool { count == 0 }

    /// All bytes, or nil when a part is unknown.
    var bytes: [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        for segment in segments {
            guard case .bytes(let bytes) = segment else { return nil }
            result += bytes
        }
        return result
    }

    mutating func append(_ segment: Segment) {
        guard segment.count > 0 else { return }
        segments.append(segment)
        count += segment.count
    }

    mutating func append(_ data: VfsData) {
        segments += data.segments
        count += data.count
    }

    func prefix(_ length: Int) -> VfsData { length >= count ? self : slice(0, length) }

    func dropFirst(_ length: Int) -> VfsData { length <= 0 ? self : slice(length, count) }

    /// The part from `start` up to `end`, both clamped.
    func slice(_ start: Int, _ end: Int) -> VfsData {
        var result = VfsData()
        var position = 0
        for segment in segments {
            let low = max(start, position)
            let high = min(end, position + segment.count)
            if low < high {
                switch segment {
                case .bytes(let bytes):
                    let base = bytes.startIndex - position
                    result.append(.bytes(bytes[(base + low)..<(base + high)]))
                case .unknown(_, let what): result.append(.unknown(count: high - low, what: what))
                }
            }
            position += segment.count
            if position >= end { break }
        }
        return result
    }

    /// Takes `length` bytes off the front.
    mutating func removeFirst(_ length: Int) -> VfsData {
        guard length < count else {
            defer { self = VfsData() }
            return self
        }
        let taken = prefix(length)
        self = dropFirst(length)
        return taken
    }
}
