// Sorts the calls of a batch into groups of like calls, and numbers their tasks.

/// What all calls of a group share; groups keep like beside like and give every column one meaning.
struct GroupSignature: Hashable, BitwiseCopyable {
    var number: UInt32
    var architecture: UInt8
    var flags: UInt16
    /// Number of slots, or `listLayout`.
    var layout: UInt8
    /// Kinds of the slots, two bits each.
    var kinds: UInt16

    static let listLayout: UInt8 = 255

    @inline(__always)
    init(_ call: borrowing StagedCall) {
        number = call.number
        architecture = call.architecture
        flags = call.flags
        let hasSlots = call.chunkCount <= UInt32(TraceFormat.maximumSlots)
        layout = hasSlots ? UInt8(truncatingIfNeeded: call.chunkCount) : Self.listLayout
        kinds = hasSlots ? call.kinds : 0
    }

    @inline(__always)
    var slot: Int {
        let word = UInt64(number) ^ (UInt64(flags) << 20) ^ (UInt64(layout) << 36) ^ (UInt64(kinds) << 44)
        let mixed = (word ^ (UInt64(architecture) << 60)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 56)
    }
}

/// The groups and tasks of one batch. Scratch memory is kept between batches.
final class CallGroups {
    private(set) var signatures: [GroupSignature] = []
    private(set) var tasks: [UInt32] = []
    /// Per call.
    let groupOfCall = Staging<UInt64>()
    let taskOfCall = Staging<UInt64>()
    /// Positions of the calls, sorted by group, and their tasks.
    let members = Staging<UInt32>()
    let memberTasks = Staging<UInt32>()
    /// Group g has the members `bounds[g] ..< bounds[g + 1]`.
    private(set) var bounds: [Int] = []

    private var known: [GroupSignature: Int] = [:]
    private var knownTasks: [UInt32: Int] = [:]
    private var fill: [Int] = []
    /// What was found last, by slot: index plus one, 0 for none.
    private let recent = Staging<(signature: GroupSignature, found: UInt32)>(capacity: 256)
    private let recentTasks = Staging<(task: UInt32, found: UInt32)>(capacity: 64)

    func collect(_ batch: Batch) {
        known.removeAll(keepingCapacity: true)
        knownTasks.removeAll(keepingCapacity: true)
        signatures.removeAll(keepingCapacity: true)
        tasks.removeAll(keepingCapacity: true)
        let recent = recent.resize(256)
        let recentTasks = recentTasks.resize(64)
        for slot in 0..<256 { recent[slot].found = 0 }
        for slot in 0..<64 { recentTasks[slot].found = 0 }
        let count = batch.calls.count
        let calls = batch.calls.base
        let groups = groupOfCall.resize(count)
        let owners = taskOfCall.resize(count)
        for row in 0..<count {
            let signature = GroupSignature(calls[row])
            let slot = signature.slot
            if recent[slot].found == 0 || recent[slot].signature != signature {
                recent[slot] = (signature, UInt32(group(signature) + 1))
            }
            groups[row] = UInt64(recent[slot].found - 1)
            let task = calls[row].task
            let place = Int(task & 63)
            if recentTasks[place].found == 0 || recentTasks[place].task != task {
                recentTasks[place] = (task, UInt32(index(of: task) + 1))
            }
            owners[row] = UInt64(recentTasks[place].found - 1)
        }
        sort(count, groups, owners)
    }

    private func group(_ signature: GroupSignature) -> Int {
        if let index = known[signature] { return index }
        known[signature] = signatures.count
        signatures.append(signature)
        return signatures.count - 1
    }

    private func index(of task: UInt32) -> Int {
        if let index = knownTasks[task] { return index }
        knownTasks[task] = tasks.count
        tasks.append(task)
        return tasks.count - 1
    }

    private func sort(_ count: Int, _ groups: UnsafePointer<UInt64>, _ owners: UnsafePointer<UInt64>) {
        bounds.removeAll(keepingCapacity: true)
        bounds.append(contentsOf: repeatElement(0, count: signatures.count + 1))
        bounds.withUnsafeMutableBufferPointer { bounds in
            for row in 0..<count { bounds[Int(groups[row]) + 1] += 1 }
            for group in 1..<bounds.count { bounds[group] += bounds[group - 1] }
        }
        fill.removeAll(keepingCapacity: true)
        fill.append(contentsOf: bounds)
        let members = members.resize(count)
        let memberTasks = memberTasks.resize(count)
        fill.withUnsafeMutableBufferPointer { fill in
            for row in 0..<count {
                let place = fill[Int(groups[row])]
                fill[Int(groups[row])] = place + 1
                members[place] = UInt32(truncatingIfNeeded: row)
                memberTasks[place] = UInt32(truncatingIfNeeded: owners[row])
            }
        }
    }
}
