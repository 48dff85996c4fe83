// Something for each of some tasks: by position, since task numbers are small and dense.
import LinuxABI

struct TaskMap<Value> {
    private var slots: [Value?] = []
    private(set) var count = 0
    /// There are none before.
    private var first = 0

    var isEmpty: Bool { count == 0 }

    subscript(task: TaskID) -> Value? {
        @inline(__always)
        get {
            let index = Int(task.rawValue)
            return index < slots.count ? slots[index] : nil
        }
        set {
            let index = Int(task.rawValue)
            while slots.count <= index { slots.append(nil) }
            count += (newValue == nil ? 0 : 1) - (slots[index] == nil ? 0 : 1)
            slots[index] = newValue
            if newValue != nil {
                first = count == 1 ? index : min(first, index)
            } else if index == first, count > 0 {
                while slots[first] == nil { first += 1 }
            }
        }
    }

    /// Puts in a value; returns the one before.
    mutating func replace(_ task: TaskID, _ value: Value) -> Value? {
        let index = Int(task.rawValue)
        guard index < slots.count, slots[index] != nil else {
            self[task] = value
            return nil
        }
        var old: Value? = value
        swap(&slots[index], &old)
        return old
    }

    @discardableResult
    mutating func remove(_ task: TaskID) -> Value? {
        guard count > 0, let value = self[task] else { return nil }
        self[task] = nil
        return value
    }

    @inline(__always)
    func contains(_ task: TaskID) -> Bool {
        let index = Int(task.rawValue)
        return count > 0 && index < slots.count && slots[index] != nil
    }

    /// In order of the tasks, without a copy.
    var lazyValues: some Sequence<Value> { slots.lazy.compactMap { $0 } }

    /// In order of the tasks.
    var values: [Value] {
        var values: [Value] = []
        var index = first
        while values.count < count {
            if let value = slots[index] { values.append(value) }
            index += 1
        }
        return values
    }
}

extension TaskMap: Sendable where Value: Sendable {}
