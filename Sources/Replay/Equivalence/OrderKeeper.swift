// Times are compared by order: a later recorded reading may not be an earlier one on the engine.
import Tables

final class OrderKeeper {
    /// A field of one subject: readings of different clocks or files have no order.
    struct Key: Hashable {
        fileprivate var hash: UInt64
        fileprivate var generation: UInt64
    }
    private struct Reading {
        var recorded: Int64
        var engine: Int64
    }
    /// The name of a field, hashed once.
    struct Field {
        fileprivate let hash: UInt64

        init(_ name: String) {
            // FNV-1a
            hash = name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
    }
    private var last = IntegerTable<Reading>()
    /// Readings of files that calls made, by their generation: they go with the file.
    private var made = IntegerTable<[(hash: UInt64, reading: Reading)]>()

    /// - Parameter generation: of a file that a call made; 0 for what was there before.
    func key(_ field: Field, _ subject: UInt64, generation: UInt64 = 0) -> Key {
        // One to one for a field; between fields, equal only by a chance of 2^-64.
        var hash = (subject ^ field.hash &* 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
        hash ^= hash >> 27
        return Key(hash: hash, generation: generation)
    }

    /// The file is gone.
    func forget(generation: UInt64) { made.remove(generation) }

    /// Files and other subjects with readings.
    var count: Int { last.count + made.count }

    private func reading(_ key: Key) -> Reading? {
        guard key.generation != 0 else { return last[key.hash] }
        return made[key.generation]?.first { $0.hash == key.hash }?.reading
    }

    /// Takes in a pair that ``fit(_:recorded:engine:)`` was asked about.
    func remember(_ key: Key, recorded: Int64, engine: Int64) {
        let reading = Reading(recorded: recorded, engine: engine)
        guard key.generation != 0 else {
            last[key.hash] = reading
            return
        }
        Self.put(reading, key.hash, &made[key.generation, default: []])
    }

    private static func put(_ reading: Reading, _ hash: UInt64, _ list: inout [(hash: UInt64, reading: Reading)]) {
        if let index = list.firstIndex(where: { $0.hash == hash }) {
            list[index].reading = reading
        } else {
            list.append((hash, reading))
        }
    }

    /// How a pair of readings fits those before; remembers nothing.
    enum Fit {
        case new
        case known
        case disordered
    }

    func fit(_ key: Key, recorded: Int64, engine: Int64) -> Fit {
        guard let old = reading(key) else { return .new }
        if recorded == old.recorded, engine == old.engine { return .known }
        // A recorded step back (a clock that was set) starts a new order.
        return recorded < old.recorded || engine >= old.engine ? .new : .disordered
    }

    /// Whether the engine's reading keeps the recorded order. Remembers the pair.
    func keepsOrder(_ key: Key, recorded: Int64, engine: Int64) -> Bool {
        defer { remember(key, recorded: recorded, engine: engine) }
        return fit(key, recorded: recorded, engine: engine) != .disordered
    }
}
