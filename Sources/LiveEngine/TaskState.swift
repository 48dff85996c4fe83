// What the engine keeps of a task beside the real one.
import Engine
import LinuxABI

/// A process's or thread's place in the agent.
final class TaskState {
    let slot: UInt32
    var memory: AddressSpace
    var files = DescriptorSources()
    var actions: SignalActions
    /// In a pid namespace below the agent's.
    var isNested = false
    var childrenAreNested = false
    /// Signals that the recording delivers later.
    var held: UInt64 = 0
    /// Handlers that run now.
    var handlerDepth = 0
    /// The last handler began on a misaligned stack.
    var isMisaligned = false
    var parked: ParkedCall?
    /// It has asked for `ptrace`, which is not modelled: what its waits were for mostly does not happen.
    var isTracer = false
    /// The file that it has executed; nil: none, or by no absolute path.
    var program: String?
    /// A call was abandoned and may still be on its way.
    var isStale = false

    init(slot: UInt32, memory: AddressSpace, actions: SignalActions) {
        self.slot = slot
        self.memory = memory
        self.actions = actions
    }

    /// It has executed a program.
    func execute(_ program: String?) {
        memory = AddressSpace()
        actions = SignalActions()
        files = DescriptorSources()
        handlerDepth = 0
        self.program = program
    }
}

/// A call that the agent has not answered yet.
struct ParkedCall {
    var call: GuestCall
    var request: AgentRequest
    var start: ContinuousClock.Instant
    /// The recording's clock when it was made.
    var time: UInt64
    /// It is in no kernel: it is made when its completion is due.
    var isWithdrawn = false
    /// What it had answered when it was to be withdrawn.
    var reply: AgentReply?
}

/// What recorded calls have done to an address space; shared by the tasks that share it.
final class AddressSpace {
    /// The program break that the engine keeps: start and current.
    var programBreak: (start: UInt64, current: UInt64)?
    /// Where its addresses are in a kernel that has fewer.
    var windows = AddressWindows()
    /// Ranges that calls have mapped.
    private(set) var mapped: [Range<UInt64>] = []
    /// Ranges that calls have unmapped, not mapped since.
    private(set) var released: [Range<UInt64>] = []

    func copy() -> AddressSpace {
        let copy = AddressSpace()
        copy.programBreak = programBreak
        copy.mapped = mapped
        copy.windows = windows
        copy.released = released
        return copy
    }

    func map(_ range: Range<UInt64>) {
        released = Self.without(released, range)
        mapped = Self.without(mapped, range) + [range]
    }

    func unmap(_ range: Range<UInt64>) {
        mapped = Self.without(mapped, range)
        released = Self.without(released, range) + [range]
    }

    func isFree(_ range: Range<UInt64>) -> Bool { !mapped.contains { $0.overlaps(range) } }
    func isReleased(_ address: UInt64) -> Bool { released.contains { $0.contains(address) } }

    private static func without(_ list: [Range<UInt64>], _ range: Range<UInt64>) -> [Range<UInt64>] {
        guard list.contains(where: { $0.overlaps(range) }) else { return list }
        return list.flatMap { old -> [Range<UInt64>] in
            guard old.overlaps(range) else { return [old] }
            return [
                old.lowerBound..<max(old.lowerBound, min(range.lowerBound, old.upperBound)),
                min(old.upperBound, max(range.upperBound, old.lowerBound))..<old.upperBound,
            ].filter { !$0.isEmpty }
        }
    }
}

/// Signal actions as the program sees them; the real handlers are the agent's.
final class SignalActions {
    /// struct sigaction as the program gave it, by signal: those with a handler.
    var handlers: [Int32: [UInt8]] = [:]

    var mask: UInt64 { handlers.keys.reduce(0) { $1 == Int32(Linux.cancelSignal) ? $0 : $0 | 1 << UInt64($1 - 1) } }

    func copy() -> SignalActions {
        let copy = SignalActions()
        copy.handlers = handlers
        return copy
    }
}

/// What is known of descriptors: what their bytes are, as far as it was asked, and which are watched. Shared as they are.
final class DescriptorSources {
    private var known: [UInt64: DescriptorSource] = [:]
    /// Descriptors that are in epoll sets.
    private(set) var watched: Set<UInt64> = []

    subscript(_ fd: UInt64) -> DescriptorSource? {
        get { known[fd & 0xffff_ffff] }
        set { known[fd & 0xffff_ffff] = newValue }
    }

    func copy() -> DescriptorSources {
        let copy = DescriptorSources()
        copy.known = known
        copy.watched = watched
        return copy
    }

    /// The call may have given a number to something else.
    func note(_ name: String, _ arguments: SyscallArguments) {
        switch name {
        case "close": forget(arguments[0])
        case "dup2", "dup3": forget(arguments[1])
        case "close_range":
            known = [:]
            watched = []
        default: break
        }
    }

    private func forget(_ fd: UInt64) {
        self[fd] = nil
        watched.remove(fd & 0xffff_ffff)
    }

    /// A successful epoll_ctl.
    func watch(_ arguments: SyscallArguments) {
        let fd = arguments[2] & 0xffff_ffff
        if arguments[1] == Linux.epollDelete { watched.remove(fd) } else { watched.insert(fd) }
    }
}

enum DescriptorSource {
    case random
    /// Of the machine's state of the moment: which.
    case momentary(String)
    /// No file of a file system: signal and event descriptors.
    case anonymous
    case other
}
