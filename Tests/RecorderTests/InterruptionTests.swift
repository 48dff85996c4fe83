// Signal handlers that make calls while an in-process call is under way: what is written first.
import LinuxABI
import RecorderAgent
import Testing
import TraceLog

@testable import Recorder

private let root = ForgedRecording.root

@Suite("In-process calls and signal handlers") struct InterruptionTests {
    private func begin() throws -> (ForgedRecording, ForgedRing) {
        let recording = try ForgedRecording(rings: 1)
        recording.give(0, to: root)
        return (recording, recording.rings[0])
    }

    /// A handler's calls, the last of them notified, as sigreturn is.
    private func handler(_ recording: ForgedRecording, _ ring: ForgedRing, at time: UInt64) throws {
        ring.call(1, 1, at: time)
        try recording.call(root, "rt_sigreturn", 0, at: time + 20, ring: ring)
    }

    @Test(arguments: [-4, -512, -516], [false, true])
    func anInterruptedCallComesBeforeTheHandler(result: Int64, looksBetween: Bool) throws {
        let (recording, ring) = try begin()
        let outer = ring.enter(0, at: 100)
        if looksBetween { try recording.look() }
        try handler(recording, ring, at: 110)
        if looksBetween { try recording.look() }
        ring.leave(outer, result, at: 160)
        ring.call(2, 2, at: 170)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 \(result)", "0 1 1", "0 15 0", "0 2 2"])
        #expect(log.trace.calls[0].exitTime == 110)
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test(arguments: [false, true])
    func aRestartedCallIsMadeAgainAfterTheHandler(looksBetween: Bool) throws {
        let (recording, ring) = try begin()
        let outer = ring.enter(0, at: 100)
        if looksBetween { try recording.look() }
        try handler(recording, ring, at: 110)
        if looksBetween { try recording.look() }
        ring.leave(outer, 7, at: 160, chunks: [ForgedChunk(direction: 1, address: 64, text: "data")])
        ring.call(2, 2, at: 170)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 -512", "0 1 1", "0 15 0", "0 0 7", "0 2 2"])
        #expect(log.trace.calls[0].exitTime == 110 && log.trace.calls[0].chunks.isEmpty)
        #expect(log.trace.calls[3].entryTime == 135 && log.trace.calls[3].exitTime == 160)
        #expect(log.trace.calls[3].chunks.count == 1)
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func aCallThatNeverWaitsWasOverBeforeTheHandler() throws {
        let (recording, ring) = try begin()
        let outer = ring.enter(39, at: 100)  // getpid
        try handler(recording, ring, at: 110)
        ring.leave(outer, 7, at: 160)
        let log = try recording.finish()
        #expect(log.calls == ["0 39 7", "0 1 1", "0 15 0"])
        #expect(log.trace.calls[0].exitTime == 110)
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func whatOthersDidMeanwhileStaysBetween() throws {
        let recording = try ForgedRecording(rings: 2)
        recording.give(0, to: root)
        recording.thread(11, of: root, at: 50)
        recording.give(1, to: 11, at: 60)
        let (ring, other) = (recording.rings[0], recording.rings[1])
        let outer = ring.enter(0, at: 100)
        other.call(8, 8, at: 105)
        try handler(recording, ring, at: 120)
        other.call(9, 9, at: 200)
        ring.leave(outer, 7, at: 250)
        other.call(10, 10, at: 300)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 -512", "1 8 8", "0 1 1", "0 15 0", "1 9 9", "0 0 7", "1 10 10"])
        #expect(log.trace.calls.map(\.index) == [0, 1, 2, 3, 4, 5, 6])
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func aHandlerInsideAnEntryDoesNotWaitForItNorOthersForTheHandler() throws {
        let recording = try ForgedRecording(rings: 2)
        recording.give(0, to: root)
        recording.thread(11, of: root, at: 50)
        recording.give(1, to: 11, at: 60)
        let (ring, other) = (recording.rings[0], recording.rings[1])
        let note = ring.reserve(48)
        let inner = ring.reserve(40)
        ring.call(1, 1, at: 120)
        other.call(8, 8, at: 140)
        try recording.look()
        #expect(ring.header.pointee.tail == note)
        ring.leave(ring.enter(2, at: 150, into: inner), 2, at: 160)
        ring.leave(ring.enter(3, [1, 2], at: 170, into: note), 3, at: 180)
        let log = try recording.finish()
        #expect(log.calls == ["0 1 1", "1 8 8", "0 2 2", "0 3 3"])
        #expect(ring.header.pointee.tail == ring.head)
        #expect(log.problems.isEmpty)
    }

    @Test func anEntryThatWasCommittedAfterItsHandlerHoldsUpNothing() throws {
        let recording = try ForgedRecording(rings: 2)
        recording.give(0, to: root)
        recording.thread(11, of: root, at: 50)
        recording.give(1, to: 11, at: 60)
        let (ring, other) = (recording.rings[0], recording.rings[1])
        let note = ring.reserve(40)
        ring.call(1, 1, at: 120)
        other.call(8, 8, at: 140)
        try recording.call(root, "rt_sigreturn", 0, at: 150, ring: ring)
        other.call(9, 9, at: 160)
        // The agent stamps it when it goes on.
        ring.leave(ring.enter(3, at: 10_000, into: note), 3, at: 10_010)
        let log = try recording.finish()
        #expect(log.calls == ["0 1 1", "1 8 8", "0 15 0", "1 9 9", "0 3 3"])
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func aHandlerAfterTheReturnComesAfter() throws {
        let (recording, ring) = try begin()
        let outer = ring.enter(0, at: 100)
        // The handler ran between the return and the note of it.
        let note = ring.reserve(40)
        try handler(recording, ring, at: 110)
        ring.leave(outer, 7, at: 105, into: note)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 7", "0 1 1", "0 15 0"])
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test(arguments: [false, true])
    func aHandlerBeforeTheEntryIsNotedComesBeforeTheCallIsMade(looksBetween: Bool) throws {
        let (recording, ring) = try begin()
        ring.call(3, 3, at: 90)
        let note = ring.reserve(40)
        try handler(recording, ring, at: 110)
        // The handler's calls are known although something before them is not.
        if looksBetween { try recording.look() }
        #expect(ring.header.pointee.tail <= note)
        let outer = ring.enter(0, at: 100, into: note)
        ring.leave(outer, 7, at: 160)
        recording.death(root, at: 200)
        let log = try recording.finish()
        // Who looks after the entry is noted takes it for interrupted; who looked before has written the handler's calls.
        let first = looksBetween ? [] : ["0 0 -512"]
        #expect(log.calls == ["0 3 3"] + first + ["0 1 1", "0 15 0", "0 0 7"])
        #expect(log.trace.tasks.last?.callsMade == UInt64(4 + first.count))
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func handlersMayNest() throws {
        let (recording, ring) = try begin()
        let outer = ring.enter(0, at: 100)
        let middle = ring.enter(35, at: 110)
        try recording.look()
        try handler(recording, ring, at: 120)
        ring.leave(middle, -4, at: 150)
        try recording.call(root, "rt_sigreturn", 0, at: 160, ring: ring)
        ring.leave(outer, 9, at: 180)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 -512", "0 35 -4", "0 1 1", "0 15 0", "0 15 0", "0 0 9"])
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func aCallThatAHandlerJumpedOutOfIsInterruptedOnceTheThreadEnds() throws {
        let (recording, ring) = try begin()
        ring.enter(0, at: 100)
        ring.call(1, 1, at: 110)
        try recording.call(root, "getpid", 10, at: 120, ring: ring)
        ring.enter(4, at: 130)
        ring.call(5, 5, at: 140)
        ring.enter(6, at: 150)
        recording.death(root, at: 160)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 0 64", "0 1 1", "0 39 10", "0 4 0 64", "0 5 5", "0 6 0 1"])
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func aCallLeftByAJumpHoldsUpNotMoreThanSomeThousandCalls() throws {
        let (recording, ring) = try begin()
        ring.enter(0, at: 100)
        for round in 0..<6000 { ring.call(1, Int64(round), at: UInt64(110 + round * 10)) }
        try recording.look()
        ring.call(2, 2, at: 100_000)
        let log = try recording.finish()
        #expect(log.calls.first == "0 0 0 64" && log.calls.last == "0 2 2")
        #expect(log.trace.calls.dropFirst().dropLast().map(\.result) == (0..<6000).map { Int64($0) })
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func coroutinesLeaveHandlersAndComeBack() throws {
        let (recording, ring) = try begin()
        let first = ring.enter(0, at: 100)
        // The handler of the first switches to the second, which is interrupted, too.
        ring.call(1, 1, at: 110)
        let second = ring.enter(17, at: 120)
        ring.call(2, 2, at: 130)
        ring.leave(first, 7, at: 140)
        ring.call(3, 3, at: 150)
        ring.leave(second, 8, at: 160)
        ring.call(4, 4, at: 170)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 -512", "0 1 1", "0 17 8", "0 2 2", "0 0 7", "0 3 3", "0 4 4"])
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }

    @Test func anOuterCallMayReturnAfterOneThatWasJumpedOutOf() throws {
        let (recording, ring) = try begin()
        let outer = ring.enter(0, at: 100)
        ring.enter(4, at: 110)
        ring.call(1, 1, at: 120)
        ring.leave(outer, 9, at: 180)
        ring.call(2, 2, at: 190)
        let log = try recording.finish()
        #expect(log.calls == ["0 0 -512", "0 4 0 64", "0 1 1", "0 0 9", "0 2 2"])
        #expect(log.problems.isEmpty)
    }

    @Test func whatTheAgentMendedIsNoCallOrACallWithoutResult() throws {
        let (recording, ring) = try begin()
        // An entry that was never finished, after it had taken its number.
        let entry = ring.reserve(40)
        ring.write(entry, size: 40, sequence: 0, kind: 0)
        ring.restartNumbers(at: 1)
        ring.call(1, 1, at: 110)
        ring.commit(entry)
        // An exit that was never finished.
        let left = ring.enter(0, at: 120)
        let exit = ring.reserve(40)
        ring.write(exit, size: 40, sequence: left, kind: 0)
        ring.call(2, 2, at: 130)
        ring.commit(exit)
        recording.death(root, at: 200)
        let log = try recording.finish()
        #expect(log.calls == ["0 1 1", "0 0 0 64", "0 2 2"])
        #expect(log.trace.tasks.last?.callsMade == 3)
        #expect(log.problems.isEmpty && log.notes.isEmpty)
    }
}
