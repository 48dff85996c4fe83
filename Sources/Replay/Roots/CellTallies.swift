// How calls of each cell came out, counted without naming the cells of every call anew.
import LinuxABI
import TraceLog

/// Verdicts by cell. Calls whose selecting arguments and path class agree have the same cells.
struct CellTallies {
    /// What the cells of a description's calls depend on.
    private struct Plan {
        /// Selecting arguments in registers.
        var words: [Int] = []
        var path: Int?
        /// Selected by memory: named anew each time.
        var readsMemory = false

        init(_ variant: Variant) {
            for index in Set(variant.cellSelectors.joined()).sorted() {
                if case .pointer = variant.arguments[index].type { readsMemory = true } else { words.append(index) }
            }
            if let index = variant.pathArgument, case .pointer = variant.arguments[index].type { path = index }
        }
    }
    private struct Known {
        var variant: Variant
        var words: [UInt64]
        var path: Int?
        var cells: [Int]
    }

    private var plans = IntegerTable<Plan>()
    private var known = IntegerTable<[Known]>()
    private var cells: [Cell] = []
    private var ordinals: [Cell: Int] = [:]
    private var counts: [VerdictCounts] = []

    /// The counts of every cell that was met.
    var all: [Cell: VerdictCounts] { ordinals.mapValues { counts[$0] } }

    mutating func add(_ verdict: Verdict, _ variant: Variant, _ words: SyscallArguments, _ memory: MemoryChunks) {
        let identity = UInt64(UInt(bitPattern: ObjectIdentifier(variant).hashValue))
        guard let plan = plans[identity] else {
            plans[identity] = Plan(variant)
            add(verdict, variant, words, memory)
            return
        }
        var path: Int?
        var isKnown = !plan.readsMemory
        if let index = plan.path, words[index] != 0 {
            if let bytes = memory.endedString(words[index]) { path = ABI.pathClass(of: bytes) } else { isKnown = false }
        }
        guard isKnown else {
            for cell in ordinals(of: variant.cells(words, memory: memory)) { counts[cell][verdict] += 1 }
            return
        }
        var key = identity &* 31 &+ UInt64(bitPattern: Int64(path ?? -1))
        for index in plan.words { key = (key ^ words[index]) &* 0x9FB2_1C65_1E98_DF25 }
        if let list = known[key],
            let found = list.first(where: { $0.variant === variant && $0.path == path && Self.agree($0, plan, words) })
        {
            for cell in found.cells { counts[cell][verdict] += 1 }
            return
        }
        let own = ordinals(of: variant.cells(words, memory: memory))
        known[key, default: []].append(
            Known(variant: variant, words: plan.words.map { words[$0] }, path: path, cells: own)
        )
        for cell in own { counts[cell][verdict] += 1 }
    }

    private static func agree(_ known: Known, _ plan: Plan, _ words: SyscallArguments) -> Bool {
        for (position, index) in plan.words.enumerated() where known.words[position] != words[index] { return false }
        return true
    }

    private mutating func ordinals(of named: [Cell]) -> [Int] {
        named.map { cell in
            if let ordinal = ordinals[cell] { return ordinal }
            ordinals[cell] = cells.count
            cells.append(cell)
            counts.append(VerdictCounts())
            return cells.count - 1
        }
    }
}
