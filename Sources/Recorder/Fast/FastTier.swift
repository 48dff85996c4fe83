// The supervisor's share of the fast tier: which notified call means what for agents, sites, rings and tables.
import CLinux
import Glibc
import LinuxABI
import RecorderAgent

/// A notified call, as far as the fast tier looks at it.
struct NotifiedCall {
    var id: UInt64
    var tid: Int32
    var slot: Int
    var number: UInt32
    var architecture: Architecture
    /// The address after the call instruction.
    var address: UInt64
    var arguments: SyscallArguments
}

/// Used by the supervisor's thread only.
final class FastTier {
    enum Arrival {
        /// The call is the program's: to be recorded and let go on. `ring` is -1 if the thread has none.
        case record(ring: Int32, position: UInt64)
        /// It was the agent's, and is answered (or will be).
        case answered
        /// It was the bootstrap's: let it go on unrecorded.
        case pass
        /// The bootstrap is in place: answer without making the call.
        case skip
    }

    let arena: AgentArena
    let known = KnownSites()
    private let listener: Int32
    let tracepoints: Tracepoints
    private let control: RecordingControl
    private let shared: UnsafeMutablePointer<clinux_shared>
    var states: [TaskState]
    private var counts = [UInt64](repeating: 0, count: Way.allCases.count)
    /// Somebody traces: each new program is asked whether it is traced.
    var isTracing = false

    /// Threads whose program is replaced by the bootstrap.
    private var injecting: Set<Int32> = []
    /// Whether one of them is alive.
    var isInjecting: Bool {
        injecting.contains { tracepoints.state(of: $0) != 0 }
    }

    struct TaskState {
        var tid: Int32 = 0
        var process: FastProcess?
        var ring: Int32 = -1
        /// Runs in its parent's memory until its exec.
        var isGuest = false
        /// Flags of the last call that made a task.
        var cloneFlags: UInt64 = 0
        var alternateStack: Range<UInt64> = 0..<0
        /// A thread pointer shared with the parent, until the task sets its own.
        var sharedPointer: UInt64?
        var pending = Pending.none
    }
    /// What the last call does if it succeeds.
    enum Pending {
        case none
        case execution
        case code(length: UInt64, offset: UInt64, file: FileIdentity?)
        case alternateStack(Range<UInt64>)
    }

    init(
        arena: AgentArena,
        listener: Int32,
        tracepoints: Tracepoints,
        control: RecordingControl,
        shared: UnsafeMutablePointer<clinux_shared>
    ) {
        self.control = control
        self.shared = shared
        self.arena = arena
        self.listener = listener
        self.tracepoints = tracepoints
        states = [TaskState](repeating: TaskState(), count: Tracepoints.slots)
    }

    /// Whether the processor and the kernel let programs read their thread pointer.
    static var isPossible: Bool { clinux_has_fsgsbase() != 0 }

    /// How many calls came which way, in words.
    var ways: [String: UInt64] {
        var result: [String: UInt64] = [:]
        for way in Way.allCases where counts[way.rawValue] > 0 { result[way.words] = counts[way.rawValue] }
        return result
    }

    // MARK: - Tasks

    /// A slot has a new owner.
    func begin(_ slot: Int, tid: Int32, parent: Int?) {
        var state = TaskState(tid: tid)
        if let parent, let process = states[parent].process {
            let flags = states[parent].cloneFlags
            let sharesMemory = flags & CloneFlag.memory != 0
            if !sharesMemory {
                state.process = FastProcess(forkOf: process, tid: tid)
            } else {
                state.process = process
                state.isGuest = flags & CloneFlag.thread == 0
                if flags & CloneFlag.threadPointer == 0, flags & CloneFlag.vfork == 0 {
                    state.sharedPointer = pointer(of: parent)
                }
            }
            // A new stack has no alternate one, but for vfork (kernel: copy_process).
            if !sharesMemory || flags & CloneFlag.vfork != 0 { state.alternateStack = states[parent].alternateStack }
            guestHosts[slot] = state.isGuest ? parent : nil
        } else {
            // Before its first exec the task runs the recorder's own code.
            state.process = FastProcess(off: .start)
            guestHosts[slot] = nil
        }
        states[slot] = state
    }

    /// A guest's calls go through the block and the ring of the task whose memory it runs in.
    private var guestHosts: [Int: Int] = [:]

    func pointer(of slot: Int) -> UInt64? {
        states[slot].ring < 0 ? nil : arena.ring(states[slot].ring).pointee.thread_pointer
    }

    // MARK: - One call

    func arrive(_ call: NotifiedCall, _ writer: inout QueueWriter) -> Arrival {
        finishPending(call)
        guard let process = states[call.slot].process, call.architecture == .x86_64 else {
            return record(call, .thirtyTwoBit)
        }
        let agentCode = UInt64(AGENT_GATE)..<UInt64(AGENT_GATE) + UInt64(AGENT_CODE_SIZE)
        if agentCode.contains(call.address) {
            switch Int32(bitPattern: call.number) {
            case AGENT_CALL_THREAD:
                let isGiven = giveBlock(call, process, &writer)
                _ = clinux_notification_answer(listener, call.id, isGiven ? 0 : 1)
                return .answered
            case AGENT_CALL_FULL:
                park(call)
                return .answered
            default: break
            }
        }
        switch process.phase {
        case .fresh:
            guard let way = inject(call, process) else {
                injecting.insert(call.tid)
                return .skip
            }
            process.phase = .off(way)
        case .injecting:
            if process.isBootstrap(call.address) { return .pass }
            if process.isInjectionPoint(call.address) {
                process.finishInjection(known)
                injecting.remove(call.tid)
                clinux_replaced_forget(shared, call.tid)
            }
        case .ready, .off: break
        }
        noteEffects(of: call, process)
        guard process.phase == .ready else {
            if case .off(let way) = process.phase { return record(call, way) }
            return record(call, .start)
        }
        if process.isSlot(call.address) { return record(call, .special) }
        return record(call, process.arrived(at: call.address - 2, number: call.number, known))
    }

    private func record(_ call: NotifiedCall, _ way: Way) -> Arrival {
        counts[way.rawValue] += 1
        let ring = states[guestHosts[call.slot] ?? call.slot].ring
        guard ring >= 0 else { return .record(ring: -1, position: 0) }
        return .record(ring: ring, position: clinux_load_acquire(&arena.ring(ring).pointee.head))
    }

    /// The thread shows up again: its last call has returned.
    private func finishPending(_ call: NotifiedCall) {
        let pending = states[call.slot].pending
        if case .none = pending { return }
        states[call.slot].pending = .none
        let plan = tracepoints.plans + call.slot
        guard clinux_load_acquire32(&plan.pointee.armed) == 0, let process = states[call.slot].process else { return }
        let result = plan.pointee.result
        switch pending {
        case .none: break
        case .execution:
            guard result == 0 else { return }
            // A filter of its own survives the exec.
            let next = process.phase == .off(.ownFilter) ? FastProcess(off: .ownFilter) : FastProcess()
            states[call.slot] = TaskState(tid: call.tid, process: next)
            guestHosts[call.slot] = nil
        case .code(let length, let offset, let file):
            let start = UInt64(bitPattern: result)
            guard result > 0, start & 4095 == 0 else { return }
            process.mapped(start..<start + (length + 4095) & ~4095, offset: offset, file: file, known)
        case .alternateStack(let range):
            guard result == 0 else { return }
            states[call.slot].alternateStack = range
            if states[call.slot].ring >= 0 { process.setAlternateStack(range, block: states[call.slot].ring) }
        }
    }

    // MARK: - The agent's calls

    /// A thread that the table does not know asks for its block.
    private func giveBlock(_ call: NotifiedCall, _ process: FastProcess, _ writer: inout QueueWriter) -> Bool {
        let pointer = call.arguments[0]
        guard process.phase == .ready, !states[call.slot].isGuest, process.sharedPointers[pointer] == nil,
            !process.sharesUnknownPointer
        else {
            return false
        }
        var ring = states[call.slot].ring
        if ring < 0 {
            guard let given = arena.give(to: call.tid, threadPointer: pointer) else { return false }
            ring = given
            states[call.slot].ring = ring
            writer.event(
                .ring,
                tid: call.tid,
                a: ring,
                time: clinux_monotonic(),
                b: Int64(arena.ring(ring).pointee.generation),
                // The thread's birth, or its exec, is reported there.
                c: tracepoints.ring.producerPosition
            )
            writer.publish()
            guard process.prepareBlock(ring, alternate: states[call.slot].alternateStack) else { return false }
        }
        arena.ring(ring).pointee.thread_pointer = pointer
        return process.enter(pointer, block: AgentArena.address(ofBlock: ring)) { block in
            self.tracepoints.state(of: self.arena.ring(AgentArena.ring(ofBlock: block)).pointee.tid) == 0
        }
    }

    /// A thread waits for room in its ring: the reader answers it.
    private func park(_ call: NotifiedCall) {
        let ring = states[guestHosts[call.slot] ?? call.slot].ring
        guard ring >= 0 else {
            _ = clinux_notification_answer(listener, call.id, 0)
            return
        }
        clinux_store_release(&arena.ring(ring).pointee.parked, call.id)
        control.wakeReader()
    }

    // MARK: - Injection

    private func inject(_ call: NotifiedCall, _ process: FastProcess) -> Way? {
        guard !hasAddressLimit(call.tid) else { return .addressLimit }
        if known.isGo("/proc/\(call.tid)/exe") { return .go }
        if isTracing, isTraced(call.tid) { return .traced }
        let way = process.inject(
            tid: call.tid,
            at: call.address,
            number: call.number,
            arena: arena,
            addDescriptor: { clinux_notification_add_fd(listener, call.id, $0) },
            note: { clinux_replaced_note(shared, call.tid, call.address, $0, UInt32($0.count)) == 0 }
        )
        if way != nil { clinux_replaced_forget(shared, call.tid) }
        return way
    }

    /// prlimit(2) would need privileges over the programs of others; the file does not.
    private func hasAddressLimit(_ tid: Int32) -> Bool {
        let line = readLines("/proc/\(tid)/limits").first { $0.hasPrefix("Max address space") }
        return line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst(3).first != "unlimited"
    }

    private func isTraced(_ tid: Int32) -> Bool {
        readLines("/proc/\(tid)/status").contains { $0.hasPrefix("TracerPid:") && !$0.hasSuffix("\t0") }
    }
}
