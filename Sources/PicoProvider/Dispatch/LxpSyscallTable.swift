// The dispatch table: one slot for each call number, with the handler and its support state beside it.
import Engine
import LinuxABI
import Synchronization

/// A provider routine for a call.
typealias LxpHandler = @Sendable (LxpCall) throws(LxFailure) -> Int64

/// The raw result of a call that a signal interrupted while it waited (fs/, kernel/signal.c).
enum LxpInterruption: Int64, Sendable {
    case intr = -4
    case restartSys = -512
    case restartNoHand = -514
    case restartBlock = -516
}

struct LxpSyscallEntry: Sendable {
    var handler: LxpHandler?
    /// What the table says of the call as a whole; a single answer has the state of its evidence.
    var state = LxpSupportState.hole
    /// What the evidence says when nothing special happened.
    var evidence: Evidence
    /// The errno of an entry without handler.
    var errno: Errno
    var interruption = LxpInterruption.restartSys
}

/// How much of a call lxcore has, as the table announces it beside the handler.
enum LxpSupportState: Sendable, Hashable {
    case supported
    /// Some of it: the note says what is missing or other.
    case partial(String)
    /// It answers and does nothing.
    case stub
    /// The dispatcher answers for it.
    case hole
    /// lxcore has it, the model does not.
    case notModelled
}

/// An entry as an engine holds it.
struct LxpSyscallSlot {
    /// False: the dispatcher answers itself.
    let hasHandler: Bool
    let handler: LxpHandler
    let evidence: Evidence
    let support: Evidence.Support
    let errno: Errno
    let interruption: LxpInterruption

    init(_ entry: LxpSyscallEntry) {
        hasHandler = entry.handler != nil
        if let known = entry.handler { handler = known } else { handler = LxpNoHandler }
        support = entry.evidence.support
        evidence = entry.evidence
        errno = entry.errno
        interruption = entry.interruption
    }
}

private func LxpNoHandler(_ c: LxpCall) throws(LxFailure) -> Int64 { throw .notModelled("an entry without a handler") }

/// A table's slots at fixed places: a call has the place of its own, without a count and without a copy of texts.
final class LxpSyscallSlots {
    /// The last one is for all numbers beyond the table.
    private let slots: UnsafeMutableBufferPointer<LxpSyscallSlot>

    init(_ table: LxpSyscallTable) {
        slots = .allocate(capacity: table.entries.count + 1)
        _ = slots.initialize(from: table.entries.map(LxpSyscallSlot.init) + [LxpSyscallSlot(table.beyond)])
    }

    deinit {
        slots.deinitialize()
        slots.deallocate()
    }

    /// The slot of a call number, for as long as this object lives.
    func slot(_ number: Int) -> UnsafePointer<LxpSyscallSlot> {
        let beyond = slots.count - 1
        let index = number >= 0 && number < beyond ? number : beyond
        return UnsafePointer(slots.baseAddress.unsafelyUnwrapped + index)
    }
}

struct LxpSyscallTable: Sendable {
    private(set) var entries: [LxpSyscallEntry] = []
    private var numbers: [String: Int] = [:]
    private var notes: [Int: String] = [:]

    /// The default answer of lxcore's dispatcher, for numbers beyond the table too.
    let beyond: LxpSyscallEntry

    init(facts: [LxpSyscallFact]) {
        var hole = Evidence()
        hole.support = .hole
        hole.note = "no such entry in the dispatch table"
        hole.source = "inferred"
        beyond = LxpSyscallEntry(handler: nil, evidence: hole, errno: .ENOSYS)
        let last = facts.map(\.number).max() ?? 0
        entries = Array(repeating: beyond, count: last + 1)
        for fact in facts {
            var evidence = Evidence()
            evidence.source = fact.source
            evidence.note = fact.note
            switch fact.status {
            case .unsupported: evidence.support = .hole
            case .unknown:
                evidence.support = .hole
                evidence.note = "no source says; " + fact.note
            case .supported, .partial:
                evidence.support = .notModelled
                evidence.note = "WSL 1 has this call; the model does not"
            }
            let state = evidence.support == .hole ? LxpSupportState.hole : .notModelled
            entries[fact.number] = LxpSyscallEntry(handler: nil, state: state, evidence: evidence, errno: fact.errno)
            numbers[fact.name] = fact.number
            notes[fact.number] = fact.note
        }
    }

    /// A complete handler.
    mutating func supported(
        _ name: String,
        _ handler: @escaping LxpHandler,
        _ interruption: LxpInterruption = .restartSys
    ) { set(name, .supported, handler, .handled, interruption) }

    /// A handler that does as much as lxcore's: `note` says what it lacks, and the handler marks the answers that show it.
    mutating func partial(
        _ name: String,
        _ note: String,
        _ handler: @escaping LxpHandler,
        _ interruption: LxpInterruption = .restartSys
    ) { set(name, .partial(note), handler, .handled, interruption) }

    /// A handler that answers without doing, as lxcore's does.
    mutating func stub(_ name: String, _ handler: @escaping LxpHandler) {
        set(name, .stub, handler, .stub, .restartSys)
    }

    private mutating func set(
        _ name: String,
        _ state: LxpSupportState,
        _ handler: @escaping LxpHandler,
        _ support: Evidence.Support,
        _ interruption: LxpInterruption
    ) {
        guard let number = numbers[name] else { preconditionFailure("no fact row for \(name)") }
        precondition(entries[number].handler == nil, "two handlers for \(name)")
        entries[number].handler = handler
        entries[number].state = state
        entries[number].interruption = interruption
        entries[number].evidence.handler = "LxpSyscall_" + name.uppercased()
        entries[number].evidence.support = support
        entries[number].evidence.note = support == .handled ? "" : notes[number] ?? ""
    }

    subscript(number: Int) -> LxpSyscallEntry { number >= 0 && number < entries.count ? entries[number] : beyond }
}

extension LxpSyscallTable {
    /// lxcore's table of the last build.
    static let standard = make()

    private static let made = Mutex<[WSL1Build: LxpSyscallTable]>([:])

    /// lxcore's table of a build: calls that came later are holes.
    static func standard(_ build: WSL1Build) -> LxpSyscallTable {
        if build == .latest { return standard }
        return made.withLock { tables in
            if let table = tables[build] { return table }
            var table = standard
            table.removeCalls(after: build)
            tables[build] = table
            return table
        }
    }

    private mutating func removeCalls(after build: WSL1Build) {
        for fact in LxpSyscallFact.all where fact.firstBuild.map({ $0 > build.number }) ?? false {
            entries[fact.number].handler = nil
            entries[fact.number].state = .hole
            entries[fact.number].errno = fact.errno
            entries[fact.number].evidence.handler = ""
            entries[fact.number].evidence.support = .hole
            entries[fact.number].evidence.note = "not before build \(fact.firstBuild ?? 0)"
            entries[fact.number].evidence.source = fact.source
        }
    }

    private static func make() -> LxpSyscallTable {
        var table = LxpSyscallTable(facts: LxpSyscallFact.all)
        addFileCalls(&table)
        addPathCalls(&table)
        addDescriptorCalls(&table)
        addMetadataCalls(&table)
        addPipeCalls(&table)
        addPollCalls(&table)
        addEventCalls(&table)
        addProcessCalls(&table)
        addIdentityCalls(&table)
        addSignalCalls(&table)
        addMemoryCalls(&table)
        addTimeCalls(&table)
        addNamespaceCalls(&table)
        addSocketCalls(&table)
        addIpcCalls(&table)
        addSystemCalls(&table)
        return table
    }
}
