// Something for each of some calls: for few of many, and nearly always added in order.
import Tables

/// Values by call index. A value takes its own size and two bytes, and room to grow.
struct CallTable<Value> {
    fileprivate struct Page {
        var places: [UInt16] = []
        var values: [Value] = []

        /// Where the place is, or belongs.
        @inline(__always)
        func find(_ place: UInt16) -> Int {
            guard let last = places.last, last >= place else { return places.count }
            var (low, high) = (0, places.count)
            while low < high {
                let middle = (low + high) / 2
                if places[middle] < place { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private static var pageBits: UInt64 { 12 }
    private var pages = IntegerTable<Page>()
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    subscript(call: UInt64) -> Value? {
        get {
            guard count > 0, let page = pages[call >> Self.pageBits] else { return nil }
            let place = Self.place(call)
            let index = page.find(place)
            return index < page.places.count && page.places[index] == place ? page.values[index] : nil
        }
        set {
            guard let newValue else {
                remove(call)
                return
            }
            let place = Self.place(call)
            let isNew = Self.insert(newValue, place, &pages[call >> Self.pageBits, default: Page()])
            if isNew { count += 1 }
        }
    }

    /// Changes the value of a call that has one.
    mutating func update(_ call: UInt64, _ change: (inout Value) -> Void) {
        guard var value = self[call] else { return }
        change(&value)
        self[call] = value
    }

    private static func insert(_ value: Value, _ place: UInt16, _ page: inout Page) -> Bool {
        let index = page.find(place)
        if index < page.places.count, page.places[index] == place {
            page.values[index] = value
            return false
        }
        page.places.insert(place, at: index)
        page.values.insert(value, at: index)
        return true
    }

    private mutating func remove(_ call: UInt64) {
        let key = call >> Self.pageBits
        guard var page = pages.remove(key) else { return }
        let place = Self.place(call)
        let index = page.find(place)
        if index < page.places.count, page.places[index] == place {
            page.places.remove(at: index)
            page.values.remove(at: index)
            count -= 1
        }
        if !page.places.isEmpty { pages[key] = page }
    }

    private static func place(_ call: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: call & (1 << pageBits - 1)) }
}

extension CallTable: Sendable where Value: Sendable {}
extension CallTable.Page: Sendable where Value: Sendable {}
