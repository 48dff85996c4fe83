// Collects the payloads a block defines and lays them out, like beside like. docs/trace-format.md, "Payloads".

enum PayloadLayout: UInt8 {
    /// One after the other.
    case joined = 0
    /// All of one length: byte 0 of each, byte 1 of each … Structures compress better so.
    case transposed = 1
    /// Ids of earlier payloads that make up each one.
    case pieces = 2
    /// All of one length, a multiple of 8: one column per 64-bit word. Words repeat one another, or keep a distance.
    case table = 3
}

/// The payload section being built.
final class PayloadSection {
    private let directory = ByteSink()
    private let data = ByteSink()
    private let columns: ColumnEncoder
    private var run: [UnsafeRawBufferPointer] = []
    private var lengths: [UInt64] = []
    private let words = Staging<UInt64>()
    private var runs = 0
    private(set) var count = 0
    /// Bytes collected so far.
    private(set) var size = 0

    init(columns: ColumnEncoder) { self.columns = columns }

    func clear() {
        directory.clear()
        data.clear()
        run.removeAll(keepingCapacity: true)
        runs = 0
        count = 0
        size = 0
    }

    /// Adds a payload to the current run; `bytes` must stay valid until the run ends.
    func add(_ bytes: UnsafeRawBufferPointer) {
        run.append(bytes)
        count += 1
        size += bytes.count
    }

    /// Payloads added after this are unlike those before.
    func endRun() {
        guard let first = run.first else { return }
        runs += 1
        directory.appendVarint(run.count)
        if run.count >= 4, Self.isTable(first.count), isTabular(first.count) {
            encodeTable(first.count)
            run.removeAll(keepingCapacity: true)
            return
        }
        lengths.removeAll(keepingCapacity: true)
        for bytes in run { lengths.append(UInt64(bytes.count)) }
        let isTransposed = run.count >= 4 && first.count > 1 && isTabular(first.count)
        directory.append((isTransposed ? PayloadLayout.transposed : .joined).rawValue)
        columns.encode(lengths, into: directory)
        if isTransposed {
            transpose(first.count)
        } else {
            for bytes in run { data.append(bytes) }
        }
        run.removeAll(keepingCapacity: true)
    }

    /// Adds a run of one payload made of earlier ones.
    func addPieces(_ ids: [UInt64]) {
        endRun()
        runs += 1
        count += 1
        directory.appendVarint(1)
        directory.append(PayloadLayout.pieces.rawValue)
        directory.appendVarint(ids.count)
        for id in ids { directory.appendVarint(id) }
    }

    /// Adds a payload made of earlier ones to a run of such.
    func addComposed(_ ids: [UInt64]) {
        count += 1
        data.appendVarint(ids.count)
        for id in ids { data.appendVarint(id) }
    }

    /// Ends a run of `addComposed`, the only one of the section.
    func endComposed() {
        guard count > 0 else { return }
        directory.appendVarint(count)
        directory.append(PayloadLayout.pieces.rawValue)
        directory.append(data.bytes)
        data.clear()
    }

    /// The runs added, without their data.
    var directoryBytes: UnsafeRawBufferPointer { directory.bytes }

    /// Same length throughout, and neighbours agree in at least half of their bytes: structures, not text.
    private func isTabular(_ length: Int) -> Bool {
        guard length <= 1024 else { return false }
        var equal = 0
        var compared = 0
        let step = max(1, run.count / 64)
        for row in 1..<run.count {
            guard run[row].count == length else { return false }
            guard row % step == 0 else { continue }
            compared += length
            for column in 0..<length where run[row][column] == run[row - 1][column] { equal += 1 }
        }
        return equal * 2 >= compared
    }

    private static func isTable(_ length: Int) -> Bool { length & 7 == 0 && (8...256).contains(length) }

    private func encodeTable(_ length: Int) {
        directory.append(PayloadLayout.table.rawValue)
        directory.appendVarint(length)
        let rows = run.count
        let room = words.resize(length / 8 * rows)
        var bases: [UnsafePointer<UInt64>] = []
        for word in 0..<(length / 8) {
            let column = room + word * rows
            for row in 0..<rows {
                column[row] = UInt64(littleEndian: run[row].loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))
            }
            columns.encode(column, rows, bases: bases, into: directory)
            bases.append(UnsafePointer(column))
        }
    }

    private func transpose(_ length: Int) {
        let out = data.extend(length * run.count)
        for (row, bytes) in run.enumerated() {
            for column in 0..<length { out[column * run.count + row] = bytes[column] }
        }
    }

    /// Run count, directory, data.
    func encode(into sink: ByteSink) {
        endRun()
        sink.appendVarint(runs)
        sink.append(directory.bytes)
        sink.append(data.bytes)
    }
}
