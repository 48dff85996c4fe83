// What the kernel tells the provider by itself: exceptions of user mode, and processes that Windows ended.
public import Engine
public import LinuxABI
import NTKernel

extension WSL1Engine {
    /// PspPicoDispatchException: NT's exceptions become signals (RN:15014; which becomes which: ntstatus-errno.tsv).
    ///
    /// - Returns: false: the kernel ends the process.
    func dispatchException(_ exception: PicoException, on task: TaskID) -> Bool {
        guard let thread = thread(task), !thread.isDead, let signal = Self.signal(of: exception.code) else {
            return false
        }
        // Before 15014 nothing was translated; that the process ended then is inferred.
        guard build >= WSL1Build(15014) else { return false }
        events += 1
        // A fault can be neither blocked nor ignored: the default action is what is left (force_sig_info).
        if thread.signals.mask.contains(signal.number) || thread.group.handlers[signal.number].isIgnored {
            thread.signals.mask.remove(signal.number)
            thread.group.handlers[signal.number] = LxSignalAction(handler: 0)
        }
        post(LxSignalInfo(signal: signal.number, code: signal.code), to: thread)
        return true
    }

    private static func signal(of code: NTSTATUS) -> (number: Int32, code: Int32)? {
        switch code {
        case .STATUS_ACCESS_VIOLATION, .STATUS_GUARD_PAGE_VIOLATION: (abiInt("SIGSEGV"), 1)  // SEGV_MAPERR
        case .STATUS_PRIVILEGED_INSTRUCTION: (abiInt("SIGSEGV"), 0x80)  // SI_KERNEL
        case .STATUS_IN_PAGE_ERROR: (abiInt("SIGBUS"), 2)  // BUS_ADRERR
        case .STATUS_DATATYPE_MISALIGNMENT: (abiInt("SIGBUS"), 1)  // BUS_ADRALN
        case .STATUS_ILLEGAL_INSTRUCTION: (abiInt("SIGILL"), 2)  // ILL_ILLOPN
        case .STATUS_INTEGER_DIVIDE_BY_ZERO: (abiInt("SIGFPE"), 1)  // FPE_INTDIV
        case .STATUS_BREAKPOINT: (abiInt("SIGTRAP"), 0x80)
        case .STATUS_SINGLE_STEP: (abiInt("SIGTRAP"), 2)  // TRAP_TRACE
        default: nil
        }
    }

    public func raise(_ exception: String, on task: TaskID) throws(EngineFailure) -> [Evidence.Step] {
        guard let code = NTSTATUS.named(exception) else { throw EngineFailure("there is no exception \(exception)") }
        guard let thread = thread(task), let nt = thread.ntThread else {
            throw EngineFailure("task \(task.rawValue) does not run")
        }
        _ = kernel.KiDispatchException(nt, code: code, address: 0, frame: TrapFrame(nt.registers))
        let steps = takeSteps()
        // A handler runs at the next call, as with every signal that came in user mode; nothing else waits for one.
        if !thread.isDead, thread.pendingSet.bits & thread.open.bits & handled(thread) == 0 {
            var signals: [Int32] = []
            deliverSignals(thread, quietContext(thread), rawResult: nil, into: &signals)
        }
        return steps
    }

    /// Signals that the program has a handler for.
    private func handled(_ thread: LxThread) -> UInt64 {
        (1...64 as ClosedRange<Int32>).reduce(0) { bits, signal in
            let action = thread.group.handlers[signal]
            return action.isDefault || action.isIgnored ? bits : bits | LxSignalSet.bit(signal)
        }
    }

    /// The address space is about to go: whoever still runs in it was ended by Windows (Task Manager, the job).
    func processRanDown(_ process: EProcess) {
        // Only groups that are not reaped are looked through: this happens at every exit.
        let groups = initialPidNamespace.groups.values.filter { $0.address.ntProcess === process }
        for group in groups.sorted(by: { $0.globalID < $1.globalID }) where group.isAlive && !group.threads.isEmpty {
            let context = quietContext(group.threads.first)
            events += 1
            group.address.ntProcess = nil
            for thread in group.threads { thread.ntThread = nil }
            // It looks like SIGKILL (behaviours.md §4, background processes).
            terminate(group, status: LxSignal.kill, context)
        }
    }
}
