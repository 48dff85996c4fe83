// Pico processes and threads: clone, suspend, termination and rundown.
import Testing

@testable import NTKernel

@Suite struct PicoProcessTests {
    private func commit(_ machine: Machine, _ process: EProcess, pages: UInt64) -> NTSTATUS {
        var base: UInt64 = 0
        var size = pages * 4096
        return machine.nt.NtAllocateVirtualMemory(
            process,
            base: &base,
            size: &size,
            type: [.reserve, .commit],
            protection: .readWrite
        )
    }

    @Test func threadsAreCreatedSuspendedWithTheirRegisters() throws {
        let machine = Machine()
        var registers = Context()
        registers.rip = 0x40_1000
        registers.fsBase = 0x7000_0000
        let thread = try machine.thread(machine.process(), registers: registers)
        #expect(thread.suspendCount == 1)
        #expect(thread.state == .initialized)
        #expect(thread.registers == registers)
        var previous: UInt32 = 0
        machine.nt.PsResumeThread(thread, previousCount: &previous)
        #expect(previous == 1)
        #expect(thread.state == .ready)
        for _ in 0..<127 { machine.nt.PsSuspendThread(thread, previousCount: &previous) }
        #expect(machine.nt.PsSuspendThread(thread, previousCount: &previous) == .STATUS_SUSPEND_COUNT_EXCEEDED)
        machine.checkInvariants()
    }

    @Test func cloneCopiesTheAddressSpaceAndChargesIt() throws {
        let machine = Machine()
        let parent = try machine.process()
        #expect(commit(machine, parent, pages: 10) == .STATUS_SUCCESS)
        let child = try machine.process(parent: parent, flags: .cloneParent)
        #expect(child.addressSpace.descriptors.count == 1)
        #expect(child.addressSpace.commitCharge == 10)
        #expect(machine.nt.committedPages == 20)
        // The copies are independent.
        let base = child.addressSpace.descriptors[0].start
        #expect(machine.nt.MmUnmapPicoRange(child, base: base, size: 4096) == .STATUS_SUCCESS)
        #expect(parent.addressSpace.commitCharge == 10)
        #expect(machine.nt.committedPages == 19)
        machine.checkInvariants()
    }

    @Test func cloneFailsAtTheCommitLimitUnlessReduced() throws {
        var configuration = ExecutiveConfiguration()
        configuration.commitLimit = 150
        let machine = Machine(configuration)
        let parent = try machine.process()
        #expect(commit(machine, parent, pages: 100) == .STATUS_SUCCESS)
        var handle = Handle.null
        var attributes = PicoProcessAttributes(parent: parent, context: ProviderContext(), flags: .cloneParent)
        #expect(machine.nt.PspCreatePicoProcess(attributes, nil, handle: &handle) == .STATUS_COMMITMENT_LIMIT)
        attributes.flags.formUnion(.cloneReducedCommit)
        #expect(machine.nt.PspCreatePicoProcess(attributes, nil, handle: &handle) == .STATUS_SUCCESS)
        #expect(machine.nt.committedPages == 100)
        machine.checkInvariants()
    }

    @Test func rundownTellsTheProviderThreadsFirstThenTheProcessWithItsMemory() throws {
        let machine = Machine()
        let process = try machine.process()
        _ = commit(machine, process, pages: 1)
        let first = try machine.thread(process)
        let second = try machine.thread(process)
        #expect(machine.nt.PspTerminatePicoProcess(process, status: .STATUS_SUCCESS) == .STATUS_SUCCESS)
        #expect(
            machine.events == [
                "exit thread \(first.uniqueThreadID)", "exit thread \(second.uniqueThreadID)",
                "exit process \(process.uniqueProcessID) with 1 VADs",
            ]
        )
        #expect(process.addressSpace.descriptors.isEmpty)
        #expect(machine.nt.committedPages == 0)
        #expect(process.isSignaled)
        let again = machine.nt.PspTerminatePicoProcess(process, status: .STATUS_SUCCESS)
        #expect(again == .STATUS_PROCESS_IS_TERMINATING)
        machine.checkInvariants()
    }

    @Test func theProcessFollowsItsLastThread() throws {
        let machine = Machine()
        let process = try machine.process()
        let first = try machine.thread(process)
        let second = try machine.thread(process)
        machine.nt.PspTerminateThreadByPointer(first, status: .STATUS_SUCCESS, direct: true)
        #expect(!process.hasExited)
        machine.nt.PspTerminateThreadByPointer(second, status: .STATUS_SUCCESS, direct: true)
        #expect(process.hasExited)
        #expect(machine.nt.processes[process.uniqueProcessID] == nil)
        machine.checkInvariants()
    }

    @Test func outsidersMayOnlyOpenForWhatTheProviderRegistered() throws {
        let machine = Machine()
        let process = try machine.process()
        var handle = Handle.null
        let id = process.uniqueProcessID
        #expect(machine.nt.NtOpenProcess(uniqueID: id, access: .processTerminate, handle: &handle).isSuccess)
        #expect(machine.nt.NtTerminateProcess(handle, status: .STATUS_SUCCESS) == .STATUS_SUCCESS)
        #expect(process.hasExited)
        let other = try machine.process()
        let refused = machine.nt.NtOpenProcess(
            uniqueID: other.uniqueProcessID,
            access: .processVMRead,
            handle: &handle
        )
        #expect(refused == .STATUS_ACCESS_DENIED)
        #expect(machine.nt.NtOpenProcess(uniqueID: 2, access: [], handle: &handle) == .STATUS_INVALID_CID)
    }

    @Test func aJobEndsAllItsProcesses() throws {
        let machine = Machine()
        var job = Handle.null
        #expect(machine.nt.NtCreateJobObject(handle: &job).isSuccess)
        let parent = try machine.process()
        #expect(machine.nt.NtAssignProcessToJobObject(job, parent).isSuccess)
        let child = try machine.process(parent: parent, flags: .cloneParent)
        let outsider = try machine.process(parent: parent, flags: [.cloneParent, .jobBreakaway])
        #expect(machine.nt.NtTerminateJobObject(job, status: .STATUS_SUCCESS).isSuccess)
        #expect(parent.hasExited && child.hasExited)
        #expect(!outsider.hasExited)
        machine.checkInvariants()
    }
}
