// How calls of each cell came out, counted without naming the cells of every call anew.
import LinuxABI
import Tables
import TraceLog

/// Cells that calls have together, and how these calls came out.
final class KnownCells {
    fileprivate let ordinal: Int
    fileprivate let words: [UInt64]
    fileprivate let path: Int?
    /// By ordinal.
    let cells: [Int]

    fileprivate init(_ ordinal: Int, words: [UInt64], path: Int?, cells: [Int]) {
        self.ordinal = ordinal
        self.words = words
        self.path = path
        self.cells = cells
    }

    fileprivate func agrees(_ plan: CellPlan, _ path: Int?, _ words: SyscallArguments) -> Bool {
        guard self.path == path else { return false }
        for position in 0..<self.words.count where self.words[position] != words[plan.words[position]] { return false }
        return true
    }
}

/// What the cells of a description's calls depend on, and those that are known.
final class CellPlan {
    /// Selecting arguments in registers.
    fileprivate private(set) var words: [Int] = []
    fileprivate let path: Int?
    /// Selected by memory: named anew each time.
    fileprivate private(set) var readsMemory = false
    fileprivate var known = IntegerTable<[KnownCells]>()
    /// What the cells of the last call were found by: most likely the next one's too.
    fileprivate var recent = Recent()
    /// That is told by so many words.
    fileprivate let isShort: Bool
    /// The cells of calls that are selected by memory, by their ordinals.
    fileprivate var named: [KnownCells] = []

    /// At most two words and a path class, without objects: nearly every call is compared with one.
    fileprivate struct Recent {
        /// The ordinal of the cells; -1: there was no call yet.
        var group = -1
        var path = -1
        var first: UInt64 = 0
        var second: UInt64 = 0
    }

    /// Whether a call has the cells of the last one.
    @inline(__always)
    fileprivate func isLikeLast(_ path: Int, _ arguments: SyscallArguments) -> Bool {
        guard recent.group >= 0, recent.path == path else { return false }
        let count = words.count
        return (count < 1 || arguments[words[0]] == recent.first) && (count < 2 || arguments[words[1]] == recent.second)
    }

    /// The last call had these cells.
    fileprivate func remember(_ group: KnownCells) {
        guard isShort else { return }
        recent.group = group.ordinal
        recent.path = group.path ?? -1
        recent.first = group.words.first ?? 0
        recent.second = group.words.last ?? 0
    }

    init(_ variant: Variant) {
        if let index = variant.pathArgument, case .pointer = variant.arguments[index].type {
            path = index
        } else {
            path = nil
        }
        for index in Set(variant.cellSelectors.joined()).sorted() {
            if case .pointer = variant.arguments[index].type { readsMemory = true } else { words.append(index) }
        }
        isShort = !readsMemory && words.count <= 2
    }
}

/// Verdicts by cell. Calls whose selecting arguments and path class agree have the same cells.
struct CellTallies {
    private var cells: [Cell] = []
    private var ordinals: [Cell: Int] = [:]
    private var groups: [KnownCells] = []
    private var classes = PathClasses()
    /// How calls came out, eight numbers for each of `groups`.
    private var counts: [UInt64] = []
    /// The cells of the call that was added last, in `groups`.
    private var lastGroup = -1
    var last: KnownCells? { lastGroup >= 0 ? groups[lastGroup] : nil }

    var lastCells: [Cell] { last?.cells.map { cells[$0] } ?? [] }

    /// The counts of every cell that was met.
    var all: [Cell: VerdictCounts] {
        var all = [VerdictCounts](repeating: VerdictCounts(), count: cells.count)
        for group in groups {
            for verdict in Verdict.allCases {
                let count = counts[group.ordinal << 3 | Int(verdict.code)]
                for cell in group.cells { all[cell][verdict] += count }
            }
        }
        return ordinals.mapValues { all[$0] }
    }

    @inline(__always)
    mutating func add(_ verdict: Verdict, _ plan: CallPlan, _ call: RecordedCall) {
        let group = groupLikeLast(plan.cells, call) ?? cells(of: plan, call.record.arguments, call.input).ordinal
        counts[group << 3 | Int(verdict.code)] += 1
        lastGroup = group
    }

    /// The cells of a call that are those of the last one of its description.
    @inline(__always)
    private mutating func groupLikeLast(_ plan: CellPlan, _ call: RecordedCall) -> Int? {
        guard plan.isShort else { return nil }
        var path = -1
        if let index = plan.path, call.word(index) != 0 {
            guard let known = classes.find(call.word(index), call.input) else { return nil }
            path = known.index ?? -1
        }
        return plan.isLikeLast(path, call.record.arguments) ? plan.recent.group : nil
    }

    private mutating func make(_ words: [UInt64], _ path: Int?, _ cells: [Int]) -> KnownCells {
        let group = KnownCells(groups.count, words: words, path: path, cells: cells)
        groups.append(group)
        for _ in 0..<8 { counts.append(0) }
        return group
    }

    mutating func cells(of call: CallPlan, _ words: SyscallArguments, _ memory: MemoryChunks) -> KnownCells {
        let plan = call.cells
        var path: Int?
        var isKnown = !plan.readsMemory
        if let index = plan.path, words[index] != 0 {
            if let known = classes.find(words[index], memory) { path = known.index } else { isKnown = false }
        }
        guard isKnown else { return find(plan, ordinals(of: call.variant.cells(words, memory: memory))) }
        var key = UInt64(bitPattern: Int64(path ?? -1))
        for index in plan.words { key = (key ^ words[index]) &* 0x9FB2_1C65_1E98_DF25 }
        if let group = plan.known[key]?.first(where: { $0.agrees(plan, path, words) }) {
            plan.remember(group)
            return group
        }
        let own = ordinals(of: call.variant.cells(words, memory: memory))
        let group = make(plan.words.map { words[$0] }, path, own)
        plan.known[key, default: []].append(group)
        plan.remember(group)
        return group
    }

    private mutating func find(_ plan: CellPlan, _ cells: [Int]) -> KnownCells {
        if let known = plan.named.first(where: { $0.cells == cells }) { return known }
        let group = make([], nil, cells)
        plan.named.append(group)
        return group
    }

    private mutating func ordinals(of named: [Cell]) -> [Int] {
        named.map { cell in
            if let ordinal = ordinals[cell] { return ordinal }
            ordinals[cell] = cells.count
            cells.append(cell)
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
    /// Names that stand at the beginning of an array, by where that is in memory: equal memory of calls is one array.
    private struct Placed {
        var bytes: [UInt8] = []
        var start: UnsafeRawPointer?
        var index: Int?
    }
    private var known = IntegerTable<Known>()
    private var placed = [Placed](repeating: Placed(), count: 1 << 10)
    private static let longest = 1 << 8
    /// More than this are forgotten together.
    private static let limit = 1 << 14

    /// The class of the name at an address, if it ends there.
    mutating func find(_ address: UInt64, _ memory: MemoryChunks) -> (index: Int?, Void)? {
        let last = memory.chunks.count - 1
        guard last >= 0, memory.chunks[last].address == address,
            let start = memory.chunks[last].bytes.withUnsafeBytes({ $0.baseAddress }),
            memory.chunks[last].length == memory.chunks[last].bytes.count
        else { return memory.endedString(address).map { (self[$0], ()) } }
        let key = (UInt(bitPattern: start) &* 0x9E37_79B9_7F4A_7C15) >> 32
        let slot = Int(truncatingIfNeeded: key) & (placed.count - 1)
        if placed[slot].start == start { return (placed[slot].index, ()) }
        guard let name = memory.endedString(address) else { return nil }
        let index = self[name]
        if name.count < Self.longest {
            placed[slot] = Placed(bytes: memory.chunks[last].bytes, start: start, index: index)
        }
        return (index, ())
    }

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
