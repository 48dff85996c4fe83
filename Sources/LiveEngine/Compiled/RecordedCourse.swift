// What a compiler must know of a recording: how each call went, and what was under way beside it.
import Engine
import LinuxABI
import TraceLog

/// Answers in place of an agent's: as if the engine did all that the recording has.
final class RecordedCourse {
    struct Course {
        var task: TaskID
        var number: Int
        var result: Int64
        /// Nanoseconds.
        var duration: UInt64
        var writes: [MemoryChunks.Chunk]
        /// Those with a handler, delivered before the call: the replay makes what causes them between calls.
        var signals: [Int32]
        /// May answer later than it is made.
        var mayWait: Bool
        /// A result of 0 has changed nothing.
        var zeroIsNothing: Bool
        /// The bytes that are missing come with the same call for the rest.
        var isTransfer: Bool
        var isInterrupted: Bool
        /// A signal with an effect came with it.
        var hasInterruption: Bool
        /// The name space of the number that it makes: the kernel chooses it.
        var chosen: NameSpace?
        /// Only its task has a part in it, and nothing in its answer decides what is done next.
        var isPlain: Bool
    }

    private let trace: Trace
    private var positions: [UInt64: Int] = [:]
    /// Exits that are not made yet, and when the recording saw the task's end.
    private var exits: [(position: Int, time: UInt64, task: TaskID)] = []
    private var tasksByPid: [Int32: TaskID] = [:]
    private var parents: [TaskID: TaskID] = [:]
    private var groups: [TaskID: Int32] = [:]
    private var handled: [Int: [Int32]] = [:]
    private var effective: Set<Int> = []

    init(_ trace: Trace) {
        self.trace = trace
        var ofTask: [TaskID: [Int]] = [:]
        for (position, call) in trace.calls.enumerated() {
            positions[call.index] = position
            // What the workload's own filter denied is not made again.
            if !call.flags.contains(.denied) { ofTask[call.task, default: []].append(position) }
            if Self.exiting.contains(Int(call.number)), call.flags.contains(.unfinished) {
                exits.append((position, call.entryTime, call.task))
            }
        }
        for record in trace.tasks {
            guard case .created(let tid, let group, let parent, _) = record.kind else { continue }
            tasksByPid[tid] = record.task
            groups[record.task] = group
            if let parent { parents[record.task] = parent }
        }
        for signal in trace.signals where signal.handler != 1 {
            let own = ofTask[signal.task] ?? []
            if signal.handler > 1, let next = own.first(where: { trace.calls[$0].index >= signal.afterCalls }) {
                handled[next, default: []].append(signal.signal)
            }
            guard signal.handler > 1 || !isIgnoredByDefault(signal.signal),
                let last = own.last(where: { trace.calls[$0].index < signal.afterCalls })
            else { continue }
            effective.insert(last)
        }
        var ends: [TaskID: UInt64] = [:]
        for record in trace.tasks {
            if case .exited = record.kind { ends[record.task] = record.time }
        }
        for index in exits.indices { exits[index].time = ends[exits[index].task] ?? exits[index].time }
    }

    private static func numbers(_ names: [String]) -> Set<Int> {
        Set(names.compactMap { ABI.call(named: $0)?.numbers.x86_64 })
    }
    private static let exiting = numbers(["exit", "exit_group"])
    /// Made in parts, or answered by the engine.
    private static let immediate = numbers(["close_range", "brk", "rt_sigreturn", "execve", "execveat"])
    /// What these find depends on what ended tasks held, whether they wait for it or not.
    private static let holdings = numbers(["futex", "flock", "fcntl", "rt_sigtimedwait"])
    /// Calls of these have signals, their masks or other tasks in them.
    private static let shared: [Family] = [.signals, .tracing]
    /// Its filter may end the task in the agent's own calls.
    private static let filtering = numbers(["seccomp"])
    private static let noHang = ABI.constant("WNOHANG")

    private static func variant(_ call: CallRecord) -> Variant? {
        ABI.call(Int(call.number), call.architecture)?.variant(for: call.arguments)
    }

    func course(of index: UInt64) -> Course? {
        guard let position = positions[index] else { return nil }
        let call = trace.calls[position]
        let number = Int(call.number)
        let variant = Self.variant(call)
        let hangs = variant?.argumentIndex("options").map { call.arguments[$0] & Self.noHang == 0 } ?? true
        let zeroIsNothing =
            switch variant?.blocking ?? .never {
            case .data, .readiness: true
            case .child: !hangs
            case .never, .other: false
            }
        return Course(
            task: call.task,
            number: number,
            result: call.result,
            duration: call.exitTime - min(call.exitTime, call.entryTime),
            writes: trace.memory(of: call, .output).chunks,
            signals: handled[position] ?? [],
            mayWait: !Self.immediate.contains(number),
            zeroIsNothing: zeroIsNothing,
            isTransfer: variant.map(Self.fillsOneBuffer) ?? false,
            isInterrupted: Errno.isInterruption(call.result),
            hasInterruption: effective.contains(position),
            chosen: variant?.chosen(call.result),
            isPlain: isPlain(position, variant)
        )
    }

    private func isPlain(_ position: Int, _ variant: Variant?) -> Bool {
        let call = trace.calls[position]
        guard let variant, variant.blocking != .child else { return false }
        return !Self.immediate.contains(Int(call.number)) && !Self.filtering.contains(Int(call.number))
            && !variant.families.contains(where: Self.shared.contains)
            && handled[position] == nil && !effective.contains(position) && !Errno.isInterruption(call.result)
    }

    private static func fillsOneBuffer(_ variant: Variant) -> Bool {
        variant.blocking == .data
            && variant.arguments.contains {
                if case .pointer(.output, .buffer, _) = $0.type { true } else { false }
            }
    }

    private func isChild(_ child: TaskID, of task: TaskID) -> Bool {
        parents[child].flatMap { groups[$0] } == groups[task]
    }

    func exited(_ task: TaskID) { exits.removeAll { $0.task == task } }

    /// Whether other tasks do something between the call's entry and its completion.
    func overlaps(_ index: UInt64) -> Bool {
        guard let position = positions[index] else { return false }
        let call = trace.calls[position]
        if call.flags.contains(.unfinished) { return true }
        var next = position + 1
        while next < trace.calls.count, trace.calls[next].entryTime < call.exitTime {
            if trace.calls[next].task != call.task { return true }
            next += 1
        }
        return waitsForExit(index)
    }

    /// Whether the call's answer may hang on an exit that was seen before its completion and is not made yet.
    func waitsForExit(_ index: UInt64) -> Bool {
        guard let position = positions[index] else { return false }
        let call = trace.calls[position]
        let open = exits.filter { $0.time <= call.exitTime && $0.task != call.task }
        guard !open.isEmpty else { return false }
        let blocking = Self.variant(call)?.blocking ?? .never
        if blocking == .child, call.result > 0 {
            let pid = Int32(truncatingIfNeeded: call.result)
            let children = open.filter { isChild($0.task, of: call.task) }
            // In a pid namespace of its own it has another number.
            guard let task = tasksByPid[pid], isChild(task, of: call.task) else { return !children.isEmpty }
            return children.contains { $0.task == task }
        }
        return blocking == .child || blocking == .readiness || blocking == .data && call.result == 0
            || Errno.isInterruption(call.result) || Self.holdings.contains(Int(call.number))
    }
}

extension Variant {
    /// Numbers of System V objects, keys and watches are the kernel's choice: descriptors are the lowest that are free, and
    /// pids an engine's own affair.
    fileprivate func chosen(_ result: Int64) -> NameSpace? {
        guard result >= 0, let space = self.result.nameSpace, [.sysv, .key, .watch].contains(space) else { return nil }
        return space
    }
}
