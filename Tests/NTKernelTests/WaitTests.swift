// Events, timers, alerts: waits that are asked again.
import Testing

@testable import NTKernel

@Suite struct WaitTests {
    @Test func aSynchronizationEventReleasesOneWaiterInOrder() throws {
        let machine = Machine()
        let process = try machine.process()
        let first = try machine.thread(process)
        let second = try machine.thread(process)
        let event = KEvent(.synchronization)
        let nt = machine.nt
        #expect(nt.KeWaitForSingleObject(event, thread: first, alertable: false) == .STATUS_PENDING)
        #expect(nt.KeWaitForSingleObject(event, thread: second, alertable: false) == .STATUS_PENDING)
        machine.checkInvariants()
        nt.KeSetEvent(event)
        #expect(nt.KeWaitForSingleObject(event, thread: second, alertable: false) == .STATUS_PENDING)
        #expect(nt.KeWaitForSingleObject(event, thread: first, alertable: false) == .STATUS_SUCCESS)
        #expect(!event.isSignaled)
        machine.checkInvariants()
    }

    @Test func aNotificationEventReleasesEverybodyAndStays() throws {
        let machine = Machine()
        let process = try machine.process()
        let threads = try (0..<3).map { _ in try machine.thread(process) }
        let event = KEvent(.notification)
        for thread in threads {
            _ = machine.nt.KeWaitForSingleObject(event, thread: thread, alertable: false)
        }
        machine.nt.KeSetEvent(event)
        for thread in threads {
            #expect(machine.nt.KeWaitForSingleObject(event, thread: thread, alertable: false) == .STATUS_SUCCESS)
        }
        #expect(event.isSignaled)
    }

    @Test func onlyAlertableWaitsAreInterrupted() throws {
        let machine = Machine()
        let thread = try machine.thread(machine.process())
        let event = KEvent(.notification)
        let nt = machine.nt
        _ = nt.KeWaitForSingleObject(event, thread: thread, alertable: false)
        nt.KeInsertQueueApc(thread)
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: false) == .STATUS_PENDING)
        nt.KeRemoveFromWait(thread)
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: true) == .STATUS_USER_APC)
        _ = nt.KeWaitForSingleObject(event, thread: thread, alertable: true)
        nt.KeAlertThread(thread)
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: true) == .STATUS_ALERTED)
    }

    @Test func waitsTimeOutWhenTheClockMoves() throws {
        let machine = Machine()
        let thread = try machine.thread(machine.process())
        let event = KEvent(.notification)
        let nt = machine.nt
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: false, timeout: 0) == .STATUS_TIMEOUT)
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: false, timeout: 50) == .STATUS_PENDING)
        nt.KeUpdateSystemTime(interruptTime: 1049)
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: false, timeout: 50) == .STATUS_PENDING)
        nt.KeUpdateSystemTime(interruptTime: 1050)
        #expect(nt.KeWaitForSingleObject(event, thread: thread, alertable: false, timeout: 50) == .STATUS_TIMEOUT)
    }

    @Test func timersExpireInOrderAndRepeat() {
        let machine = Machine()
        let nt = machine.nt
        let once = KTimer()
        let periodic = KTimer(synchronization: true)
        var log: [String] = []
        once.deferredProcedure = { log.append("once \(nt.KeQueryInterruptTimePrecise())") }
        periodic.deferredProcedure = { log.append("periodic \(nt.KeQueryInterruptTimePrecise())") }
        nt.KeSetTimerEx(periodic, dueTime: 1010, period: 20)
        nt.KeSetTimerEx(once, dueTime: 1020)
        nt.KeUpdateSystemTime(interruptTime: 1055)
        #expect(log == ["periodic 1010", "once 1020", "periodic 1030", "periodic 1050"])
        #expect(nt.nextTimerExpiry == 1070)
        #expect(nt.KeCancelTimer(periodic))
        #expect(!nt.KeCancelTimer(periodic))
        #expect(nt.nextTimerExpiry == nil)
        #expect(nt.KeQuerySystemTimePrecise() == NTExecutive.epoch1970 + 55)
        nt.KeUpdateSystemTime(interruptTime: 10)
        #expect(nt.KeQueryInterruptTimePrecise() == 1055, "clocks never go backwards")
    }

    @Test func aDyingThreadLeavesItsWait() throws {
        let machine = Machine()
        let thread = try machine.thread(machine.process())
        let event = KEvent(.notification)
        _ = machine.nt.KeWaitForSingleObject(event, thread: thread, alertable: false)
        machine.nt.PspTerminateThreadByPointer(thread, status: .STATUS_SUCCESS, direct: false)
        #expect(event.waiters.isEmpty)
        machine.checkInvariants()
    }
}
