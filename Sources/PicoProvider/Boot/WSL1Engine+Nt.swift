// The provider's side of the pico interface: processes, threads, memory, and LxpUtilTranslateStatus.
import CFacts
public import Engine
import LinuxABI
import NTKernel
import Tables

/// LxpUtilTranslateStatus: NTSTATUS to errno by ntstatus-errno.tsv; EINVAL for what the table does not have (GH:6063).
enum LxpStatus {
    private static let byValue: IntegerTable<(errno: Errno, ground: String)> = {
        var result = IntegerTable<(errno: Errno, ground: String)>()
        for row in LxpFacts.rows(CFacts_ntstatus_start(), CFacts_ntstatus_size) where row.count > 3 {
            guard let value = UInt32(row[1].dropFirst(2), radix: 16), let errno = Errno(name: row[2]) else { continue }
            result[UInt64(value)] = (errno, row[3])
        }
        return result
    }()

    private static let errnos: IntegerTable<Errno> = {
        var result = IntegerTable<Errno>()
        for (status, entry) in byValue { result[status] = entry.errno }
        return result
    }()

    static func translate(_ status: NTSTATUS) -> Errno { errnos[UInt64(status.rawValue)] ?? .EINVAL }

    /// For the evidence; nil for a success, and for what never reaches a program.
    static func translation(_ status: NTSTATUS) -> Evidence.Translation? {
        guard !status.isSuccess, let entry = byValue[UInt64(status.rawValue)] else { return nil }
        return Evidence.Translation(name: entry.errno.name, ground: entry.ground)
    }

    /// Throws unless the status is a success.
    static func check(_ status: NTSTATUS) throws(LxFailure) {
        guard !status.isSuccess else { return }
        throw .errno(translate(status))
    }
}

extension LxpCall {
    /// Counters of the calling process or thread.
    func ntQueryTimes(_ information: ProcessInformationClass) {
        guard let process = group.address.ntProcess else { return }
        engine.kernel.ZwQueryInformationProcess(process, information)
    }
}

extension WSL1Engine {
    /// What the executive has done so far.
    var ntCost: TranslationCost { TranslationCost(routines: kernel.routineCount, packets: kernel.ioStatistics.total) }

    /// Moves the executive's trace into the evidence, or keeps it for ``completeEvidence(of:)``.
    func drainSteps(into result: inout DispatchResult) {
        guard collectsEvidence else {
            kernel.discardTrace()
            return
        }
        if defersEvidence {
            kernel.keepTrace()
            result.isEvidenceDeferred = true
        } else {
            Self.tell(kernel.drainTrace(), in: &result.evidence)
        }
    }

    public func completeEvidence(of result: inout DispatchResult) {
        guard result.isEvidenceDeferred else { return }
        result.isEvidenceDeferred = false
        var evidence = result.evidence
        // What says more than that a handler served it was told at once.
        if evidence.support == .handled, evidence.handler.isEmpty { evidence = call.entry.evidence }
        Self.tell(kernel.keptTrace, in: &evidence)
        result.evidence = evidence
    }

    /// What the executive did since the last call, outside of any.
    func takeSteps() -> [Evidence.Step] {
        var evidence = Evidence()
        Self.tell(kernel.drainTrace(), in: &evidence)
        return evidence.steps
    }

    private static func tell(_ steps: [NtTrace], in evidence: inout Evidence) {
        evidence.steps.reserveCapacity(evidence.steps.count + steps.count)
        for step in steps {
            evidence.steps.append(
                Evidence.Step(
                    step.routineName,
                    step.detailText,
                    status: step.status.name,
                    errno: LxpStatus.translation(step.status)
                )
            )
        }
    }

    // MARK: - Processes and threads

    /// The pico process and thread behind a new Linux thread.
    func ntCreate(_ thread: LxThread, cloning parent: LxThreadGroup?) {
        if thread.group.address.ntProcess == nil {
            let source = parent?.address.ntProcess
            ntCreateProcess(for: thread, source, flags: source == nil ? [] : [.cloneParent, .cloneReducedCommit])
        }
        ntCreateThread(for: thread)
    }

    private func ntCreateProcess(for thread: LxThread, _ parent: EProcess?, flags: PicoProcessAttributes.Flags) {
        var handle = Handle.null
        let attributes = PicoProcessAttributes(
            parent: parent,
            token: parent == nil ? user : nil,
            context: LxpPicoContext(self, thread.task),
            flags: flags
        )
        _ = machine.routines.createProcess?(attributes, PicoCreateInfo(imageName: thread.group.executable), &handle)
        var process: EProcess?
        if kernel.ObReferenceObjectByHandle(handle, object: &process).isSuccess {
            thread.group.address.ntProcess = process
        }
        _ = kernel.NtClose(handle)
    }

    private func ntCreateThread(for thread: LxThread) {
        guard let process = thread.group.address.ntProcess else { return }
        var registers = Context()
        registers.fsBase = thread.fsBase
        registers.gsBase = thread.gsBase
        var handle = Handle.null
        let context = LxpPicoContext(self, thread.task)
        let attributes = PicoThreadAttributes(process: process, registers: registers, context: context)
        _ = machine.routines.createThread?(attributes, nil, &handle)
        var nt: EThread?
        if kernel.ObReferenceObjectByHandle(handle, object: &nt).isSuccess, let nt {
            thread.ntThread = nt
            var previous: UInt32 = 0
            _ = machine.routines.resumeThread?(nt, &previous)
        }
        _ = kernel.NtClose(handle)
    }

    func ntTerminate(_ thread: LxThread, _ status: Int32) {
        guard let nt = thread.ntThread else { return }
        thread.ntThread = nil
        let exit = NTSTATUS.STATUS_SUCCESS
        // The last user of the address space takes the pico process with it.
        if thread.group.threads.isEmpty, thread.group.address.users <= 1 {
            if let process = thread.group.address.ntProcess { _ = machine.routines.terminateProcess?(process, exit) }
            thread.group.address.ntProcess = nil
        } else {
            _ = machine.routines.terminateThread?(nt, exit, true)
        }
    }

    /// execve: a rebuilt address space, and so a new pico process and thread (nt-mapping.tsv). The old process ends
    /// unless a vfork parent still lives in it.
    func ntReplaceImage(_ thread: LxThread, leaving old: LxAddressSpace) {
        guard let process = old.ntProcess, let before = thread.ntThread else { return }
        let isCurrent = kernel.currentThread === before
        ntCreateProcess(for: thread, process, flags: [])
        ntCreateThread(for: thread)
        if isCurrent { kernel.KeSetCurrentThread(thread.ntThread) }
        if old.users > 0 {
            _ = machine.routines.terminateThread?(before, .STATUS_SUCCESS, true)
        } else {
            old.ntProcess = nil
            _ = machine.routines.terminateProcess?(process, .STATUS_SUCCESS)
        }
    }

    func ntSetDescriptorBase(_ thread: LxThread, isFS: Bool, _ base: UInt64) {
        _ = machine.routines.setThreadDescriptorBase?(isFS ? .fs : .gs, base)
    }
}
