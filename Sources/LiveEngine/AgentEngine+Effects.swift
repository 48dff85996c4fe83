// What follows from a call that a task has made: the engine's own books, and answers put into the program's terms.
import Engine
import LinuxABI

extension AgentEngine {
    func settle(
        _ name: String,
        _ parked: ParkedCall,
        _ file: FileNature?,
        _ task: TaskID,
        _ state: TaskState,
        _ result: inout DispatchResult
    ) throws(EngineFailure) {
        guard case .returned(let value) = result.outcome else { return }
        let call = parked.call
        let isError = value < 0 && value >= -4095
        state.files.note(name, call.arguments)
        switch name {
        case "clone", "clone3", "fork", "vfork":
            if isError {
                release(call.childTask)
            } else {
                clearedPlaces[call.childTask] = nil
                notePid(value, of: call, isNested: state.isNested)
                if state.isMisaligned, state.handlerDepth > 0, keepsStack(name, call) { result.breach = .taskStack }
            }
        case "execve", "execveat":
            guard !isError else { return }
            state.execute(name == "execve" ? program(call, state) : nil)
        case "rt_sigaction": if !isError { noteAction(call, state, &result) }
        case "rt_sigreturn": state.handlerDepth -= 1
        case "mmap":
            guard !isError else { return }
            let start = UInt64(bitPattern: value)
            state.memory.map(start..<(start + (call.arguments[1] + Linux.pageMask) & ~Linux.pageMask))
        case "munmap":
            guard !isError else { return }
            let start = call.arguments[0]
            let end = start &+ (call.arguments[1] &+ Linux.pageMask) & ~Linux.pageMask
            if end > start { state.memory.unmap(start..<end) }
        case "mremap":
            guard !isError else { return }
            let (old, new) = (call.arguments[0], UInt64(bitPattern: value))
            let size = { (length: UInt64) in (length + Linux.pageMask) & ~Linux.pageMask }
            if size(call.arguments[1]) > 0 { state.memory.unmap(old..<(old + size(call.arguments[1]))) }
            state.memory.map(new..<(new + size(call.arguments[2])))
        case "mkdir", "mkdirat", "rmdir", "unlinkat": if !isError { noteControlGroup(name, call) }
        case "unshare":
            if !isError, call.arguments[0] & Linux.cloneFiles != 0 { state.files = state.files.copy() }
            if !isError, call.arguments[0] & Linux.clonePid != 0 { state.childrenAreNested = true }
        case "epoll_ctl": if !isError { state.files.watch(call.arguments) }
        case "setns": if !isError { state.childrenAreNested = true }
        case "getdents64": try hideDescriptors(file, &result)
        default: markGiven(name, call, file, state, &result)
        }
    }

    /// Deliveries, and the stacks on which their handlers began.
    func take(_ signals: [Int32], _ state: TaskState, _ result: inout DispatchResult) {
        result.signals = signals.map { $0 & 0xff }
        state.handlerDepth += signals.count
        guard let last = signals.last else { return }
        state.isMisaligned = last & Self.misaligned != 0
        if signals.contains(where: { $0 & Self.misaligned != 0 }) { result.breach = .handlerStack }
    }

    /// `SIGNAL_MISALIGNED` of Mailbox.h.
    private static let misaligned: Int32 = 0x100

    /// Whether a child goes on upon its maker's stack.
    private func keepsStack(_ name: String, _ call: GuestCall) -> Bool {
        switch name {
        case "clone": return call.arguments[1] == 0
        case "clone3":
            guard case .bytes(let stack) = call.memory.read(call.arguments[0] + 40, count: 8) else { return false }
            return stack.word(0) == 0
        default: return true
        }
    }

    /// The old action in the program's terms; the new one remembered.
    private func noteAction(_ call: GuestCall, _ state: TaskState, _ result: inout DispatchResult) {
        let signal = Int32(truncatingIfNeeded: call.arguments[0])
        if let old = state.actions.handlers[signal] {
            for index in result.writes.indices where result.writes[index].address == call.arguments[2] {
                // Flags and mask are the kernel's; what the agent changed is put back.
                var bytes = result.writes[index].bytes
                guard bytes.count >= 24 else { continue }
                let kept: UInt64 = 0x1c00_0000
                bytes.setWord(0, old.word(0))
                bytes.setWord(8, bytes.word(8) & ~kept | old.word(8) & kept)
                bytes.setWord(16, old.word(16))
                result.writes[index].bytes = bytes
            }
        }
        guard call.arguments[1] != 0, case .bytes(let new) = call.memory.read(call.arguments[1], count: 32) else {
            return
        }
        state.actions.handlers[signal] = new.word(0) > 1 ? new : nil
    }
}
