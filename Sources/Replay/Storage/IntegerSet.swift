// A set of integers, such as call indexes.
import Tables

struct IntegerSet {
    private var table = IntegerTable<Void>()

    var count: Int { table.count }
    var isEmpty: Bool { table.isEmpty }

    func contains(_ number: UInt64) -> Bool { table[number] != nil }

    /// - Returns: whether it was not there before.
    @discardableResult
    mutating func insert(_ number: UInt64) -> Bool {
        if table[number] != nil { return false }
        table[number] = ()
        return true
    }

    mutating func remove(_ number: UInt64) { table.remove(number) }
}
