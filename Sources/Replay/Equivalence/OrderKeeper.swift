// Times are compared by order: a later recorded reading may not be an earlier one on the engine.

final class OrderKeeper {
    struct Key: Hashable {
        var field: String
        /// Readings of different clocks or files have no order.
        var subject: UInt64
    }
    private var last: [Key: (recorded: Int64, engine: Int64)] = [:]

    /// Whether the engine's reading keeps the recorded order. Remembers the pair.
    func keepsOrder(_ key: Key, recorded: Int64, engine: Int64) -> Bool {
        defer { last[key] = (recorded, engine) }
        guard let old = last[key] else { return true }
        // A recorded step back (a clock that was set) starts a new order.
        return recorded < old.recorded || engine >= old.engine
    }
}
