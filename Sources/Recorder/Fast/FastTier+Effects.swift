// What notified calls mean for a process's code, its threads and its tables.
import Glibc
import LinuxABI

extension FastTier {
    /// What a call means for the process's code, threads and tables.
    func noteEffects(of call: NotifiedCall, _ process: FastProcess) {
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
            if arguments[2] & MapFlag.executable != 0, arguments[3] & MapFlag.anonymous == 0, descriptor >= 0 {
                states[call.slot].pending = .code(
                    length: arguments[1],
                    offset: arguments[5],
                    file: FileIdentity(path: "/proc/\(call.tid)/fd/\(descriptor)")
                )
            }
        case Number.munmap: process.unmapped(range(arguments[0], arguments[1]))
        case Number.mremap:
            process.unmapped(range(arguments[0], arguments[1]))
            if arguments[3] & MapFlag.moveFixed != 0 { process.unmapped(range(arguments[4], arguments[2])) }
        case Number.sigaltstack:
            // stack_t: address, flags, size.
            guard arguments[0] != 0, let start = process.memory?.load(arguments[0], as: UInt64.self),
                let flags = process.memory?.load(arguments[0] &+ 8, as: UInt32.self),
                let size = process.memory?.load(arguments[0] &+ 16, as: UInt64.self)
            else { return }
            states[call.slot].pending = .alternateStack(flags & Word.noStack != 0 ? 0..<0 : range(start, size))
        case Number.archPrctl:
            if arguments[0] == Word.setThreadPointer { setsPointer(call, process, arguments[1]) }
        case Number.seccomp: if arguments[0] == Word.strict || arguments[0] == Word.filter { filters(process) }
        case Number.prctl: if arguments[0] == Word.setFilter { filters(process) }
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
        case Word.traceMe: process.switchOff(.traced)
        case Word.attach, Word.seize:
            let target = Int32(truncatingIfNeeded: call.arguments[1])
            states.first { $0.tid == target && target > 0 }?.process?.switchOff(.traced)
        default: break
        }
    }

    enum CloneFlag {
        static let memory: UInt64 = ABI.constant("CLONE_VM")
        static let thread: UInt64 = ABI.constant("CLONE_THREAD")
        static let vfork: UInt64 = ABI.constant("CLONE_VFORK")
        static let threadPointer: UInt64 = ABI.constant("CLONE_SETTLS")
    }
    private enum MapFlag {
        static let fixed: UInt64 = ABI.constant("MAP_FIXED")
        static let anonymous: UInt64 = ABI.constant("MAP_ANONYMOUS")
        static let executable: UInt64 = ABI.constant("PROT_EXEC")
        static let moveFixed: UInt64 = ABI.constant("MREMAP_FIXED")
    }
    private enum Word {
        static let noStack = UInt32(ABI.constant("SS_DISABLE"))
        static let setThreadPointer: UInt64 = ABI.constant("ARCH_SET_FS")
        static let strict: UInt64 = ABI.constant("SECCOMP_SET_MODE_STRICT")
        static let filter: UInt64 = ABI.constant("SECCOMP_SET_MODE_FILTER")
        static let setFilter: UInt64 = ABI.constant("PR_SET_SECCOMP")
        static let traceMe: UInt64 = ABI.constant("PTRACE_TRACEME")
        static let attach: UInt64 = ABI.constant("PTRACE_ATTACH")
        static let seize: UInt64 = ABI.constant("PTRACE_SEIZE")
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
