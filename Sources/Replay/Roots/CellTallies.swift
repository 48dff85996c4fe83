// How calls of each cell came out, counted without naming the cells of every call anew.
import LinuxABI
import Tables
import TraceLog

/// What the cells of a description's calls depend on, and those that are known.
final class CellPlan {
    fileprivate final class Known {
        let words: [UInt64]
        let path: Int?
        let cells: [Int]

        init(words: [UInt64], path: Int?, cells: [Int]) {
            self.words = words
            self.path = path
            self.cells = cells
        }
    }
    /// Selecting arguments in registers.
    fileprivate private(set) var words: [Int] = []
    fileprivate let path: Int?
    /// Selected by memory: named anew each time.
    fileprivate private(set) var readsMemory = false
    fileprivate var known = IntegerTable<[Known]>()

    init(_ variant: Variant) {
        if let index = variant.pathArgument, case .pointer = variant.arguments[index].type {
            path = index
        } else {
            path = nil
        }
        for index in Set(variant.cellSelectors.joined()).sorted() {
            if case .pointer = variant.arguments[index].type { readsMemory = true } else { words.append(index) }
        }
    }
}

/// Verdicts by cell. Calls whose selecting arguments and path class agree have the same cells.
struct CellTallies {
    private var cells: [Cell] = []
    private var ordinals: [Cell: Int] = [:]
    private var counts: [VerdictCounts] = []
    private var last: [Int] = []
    private var classes = PathClasses()

    /// The cells of the call that was added last.
    var lastCells: [Cell] { last.map { cells[$0] } }

    /// The counts of every cell that was met.
    var all: [Cell: VerdictCounts] { ordinals.mapValues { counts[$0] } }

    mutating func add(_ verdict: Verdict, _ call: CallPlan, _ words: SyscallArguments, _ memory: MemoryChunks) {
        let plan = call.cells
        var path: Int?
        var isKnown = !plan.readsMemory
        if let index = plan.path, words[index] != 0 {
            if let bytes = memory.endedString(words[index]) { path = classes[bytes] } else { isKnown = false }
        }
        guard isKnown else {
            last = ordinals(of: call.variant.cells(words, memory: memory))
            for cell in last { counts[cell][verdict] += 1 }
            return
        }
        var key = UInt64(bitPattern: Int64(path ?? -1))
        for index in plan.words { key = (key ^ words[index]) &* 0x9FB2_1C65_1E98_DF25 }
        if let list = plan.known[key] {
            for known in list where known.path == path && Self.agree(known, plan, words) {
                for cell in known.cells { counts[cell][verdict] += 1 }
                last = known.cells
                return
            }
        }
        let own = ordinals(of: call.variant.cells(words, memory: memory))
        plan.known[key, default: []].append(.init(words: plan.words.map { words[$0] }, path: path, cells: own))
        for cell in own { counts[cell][verdict] += 1 }
        last = own
    }

    private static func agree(_ known: CellPlan.Known, _ plan: CellPlan, _ words: SyscallArguments) -> Bool {
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

/// Path classes of names that were met, so that the patterns are not matched again for each call.
private struct PathClasses {
    private final class Known {
        let name: [UInt8]
        let index: Int?

        init(_ name: ArraySlice<UInt8>) {
            self.name = Array(name)
            index = ABI.pathClass(of: name)
        }
    }
    private var known = IntegerTable<Known>()
    /// More than this are forgotten together.
    private static let limit = 1 << 14

    subscript(name: ArraySlice<UInt8>) -> Int? {
        mutating get {
            let key = PathWalks.key(name)
            if let known = known[key], PathWalks.equal(known.name, name) { return known.index }
            if known.count > Self.limit { known.removeAll() }
            let made = Known(name)
            known[key] = made
            return made.index
        }
    }
}
