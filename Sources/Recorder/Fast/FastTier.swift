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
    private let known = KnownSites()
    private let listener: Int32
    private let tracepoints: Tracepoints
    private let control: RecordingControl
    private let shared: UnsafeMutablePointer<clinux_shared>
    private var states: [TaskState]
    private var counts = [UInt64](repeating: 0, count: Way.allCases.count)
    /// Somebody traces: each new program is asked whether it is traced.
    private var isTracing = false

    /// Threads whose program is replaced by the bootstrap.
    private var injecting: Set<Int32> = []
    /// Whether one of them is alive.
    var isInjecting: Bool {
        injecting.contains { tracepoints.threads[Int($0)] & 0xffff_ffff != 0 }
    }

    private struct TaskState {
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
    private enum Pending {
        case none
        case execution
        case code(length: UInt64, offset: UInt64, file: FileIdentity?)
        case alternateStack(Range<UInt64>)
    }

    private static let executionModeFilter: UInt64 = 22  // PR_SET_SECCOMP of <linux/prctl.h>
    private static let setThreadPointer: UInt64 = 0x1002  // ARCH_SET_FS of <asm/prctl.h>

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
            if state.isGuest { state.ring = -1 }
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

    private func pointer(of slot: Int) -> UInt64? {
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
            let owner = self.arena.ring(AgentArena.ring(ofBlock: block)).pointee.tid
            return owner <= 0 || self.tracepoints.threads[Int(owner)] == 0
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

    // MARK: - Effects

    /// What a call means for the process's code, threads and tables.
    private func noteEffects(of call: NotifiedCall, _ process: FastProcess) {
        let arguments = call.arguments
        switch call.number {
        case Number.execve, Number.execveat: states[call.slot].pending = .execution
        case Number.clone: makesTask(call, process, flags: arguments[0], threadPointer: arguments[4])
        case Number.fork: makesTask(call, process, flags: 0, threadPointer: 0)
        case Number.vfork: makesTask(call, process, flags: CloneFlag.memory | CloneFlag.vfork, threadPointer: 0)
        case Number.clone3:
            // struct clone_args: flags first, tls at 56.
            let flags = process.memory?.load(arguments[0], as: UInt64.self) ?? 0
            let tls = process.memory?.load(arguments[0] &+ 56, as: UInt64.self) ?? 0
            makesTask(call, process, flags: flags, threadPointer: tls)
        case Number.mmap:
            if arguments[3] & MapFlag.fixed != 0 { process.unmapped(range(arguments[0], arguments[1])) }
            let descriptor = Int32(truncatingIfNeeded: arguments[4])
            if arguments[2] & 4 != 0, arguments[3] & MapFlag.anonymous == 0, descriptor >= 0 {
                states[call.slot].pending = .code(
                    length: arguments[1],
                    offset: arguments[5],
                    file: FileIdentity(path: "/proc/\(call.tid)/fd/\(descriptor)")
                )
            }
        case Number.munmap, Number.mremap: process.unmapped(range(arguments[0], arguments[1]))
        case Number.sigaltstack:
            // stack_t: address, flags (SS_DISABLE is 2), size.
            guard arguments[0] != 0, let start = process.memory?.load(arguments[0], as: UInt64.self),
                let flags = process.memory?.load(arguments[0] &+ 8, as: UInt32.self),
                let size = process.memory?.load(arguments[0] &+ 16, as: UInt64.self)
            else { return }
            states[call.slot].pending = .alternateStack(flags & 2 != 0 ? 0..<0 : range(start, size))
        case Number.archPrctl:
            if arguments[0] == FastTier.setThreadPointer { setsPointer(call, process, arguments[1]) }
        case Number.seccomp: if arguments[0] <= 1 { filters(process) }
        case Number.prctl: if arguments[0] == FastTier.executionModeFilter { filters(process) }
        case Number.ptrace: traces(call, process)
        default: break
        }
    }

    /// A filter of the program's own may deny, or kill for, what the agent would do.
    private func filters(_ process: FastProcess) {
        process.switchOff(.ownFilter)
        tracepoints.returns.keep()
    }

    private func range(_ start: UInt64, _ length: UInt64) -> Range<UInt64> {
        let (end, overflow) = start.addingReportingOverflow(length)
        return start..<(overflow ? UInt64.max : end)
    }

    private func makesTask(_ call: NotifiedCall, _ process: FastProcess, flags: UInt64, threadPointer: UInt64) {
        states[call.slot].cloneFlags = flags
        guard flags & CloneFlag.memory != 0 else { return }
        if flags & CloneFlag.threadPointer != 0 {
            // Whoever had this pointer before is gone.
            process.forget(threadPointer)
        } else if flags & CloneFlag.vfork == 0 {
            if let own = pointer(of: call.slot) {
                process.sharedPointers[own, default: 0] += 1
                process.forget(own)
            } else {
                // Which pointer the two share is not known: nobody gets a block any more.
                process.sharesUnknownPointer = true
            }
        }
        if flags & CloneFlag.vfork == 0 { process.becomeShared(known) }
    }

    private func setsPointer(_ call: NotifiedCall, _ process: FastProcess, _ pointer: UInt64) {
        if let shared = states[call.slot].sharedPointer {
            states[call.slot].sharedPointer = nil
            let left = (process.sharedPointers[shared] ?? 1) - 1
            process.sharedPointers[shared] = left > 0 ? left : nil
        }
        process.forget(pointer)
    }

    /// Programs that are traced, or trace themselves, keep their calls where a tracer expects them.
    private func traces(_ call: NotifiedCall, _ process: FastProcess) {
        isTracing = true
        switch call.arguments[0] {
        case 0: process.switchOff(.traced)  // PTRACE_TRACEME
        case 16, 0x4206:  // PTRACE_ATTACH, PTRACE_SEIZE
            let target = Int32(truncatingIfNeeded: call.arguments[1])
            states.first { $0.tid == target && target > 0 }?.process?.switchOff(.traced)
        default: break
        }
    }

    private enum CloneFlag {
        static let memory: UInt64 = ABI.constant("CLONE_VM")
        static let thread: UInt64 = ABI.constant("CLONE_THREAD")
        static let vfork: UInt64 = ABI.constant("CLONE_VFORK")
        static let threadPointer: UInt64 = ABI.constant("CLONE_SETTLS")
    }
    private enum MapFlag {
        static let fixed: UInt64 = ABI.constant("MAP_FIXED")
        static let anonymous: UInt64 = ABI.constant("MAP_ANONYMOUS")
    }
    private enum Number {
        static let archPrctl = CallNumber.number("arch_prctl")
        static let clone = CallNumber.number("clone")
        static let clone3 = CallNumber.number("clone3")
        static let execve = CallNumber.execve
        static let execveat = CallNumber.execveat
        static let fork = CallNumber.number("fork")
        static let mmap = CallNumber.number("mmap")
        static let mremap = CallNumber.number("mremap")
        static let munmap = CallNumber.number("munmap")
        static let prctl = CallNumber.number("prctl")
        static let ptrace = CallNumber.number("ptrace")
        static let seccomp = CallNumber.number("seccomp")
        static let sigaltstack = CallNumber.number("sigaltstack")
        static let vfork = CallNumber.number("vfork")
    }
}
