// In-process calls from forged rings: order, pairing, owners, damage.
import LinuxABI
import RecorderAgent
import Testing
import TraceLog

@testable import Recorder

private let root = ForgedRecording.root

@Suite("Merging of rings") struct MergeTests {
    @Test func callsOfOneThreadAreRecordedWithTheirMemoryInOrder() throws {
        let recording = try ForgedRecording()
        let ring = recording.rings[0]
        recording.give(0, to: root)
        ring.call(39, 10, at: 100)
        let second = ring.enter(
            45,
            [3, 0x1000, 64],
            at: 200,
            chunks: [ForgedChunk(direction: 0, address: 0x3000, text: "\u{4}\0\0\0")]
        )
        ring.leave(
            second,
            5,
            at: 230,
            chunks: [
                ForgedChunk(direction: 1, address: 0x1000, text: "hello", length: 9),
                ForgedChunk(direction: 2, address: 0x9000, text: "nothing"),
                ForgedChunk(direction: 0, address: 0x2000, text: "in"),
            ],
            flags: 8
        )
        let result = try recording.finish()
        #expect(result.calls == ["0 39 10", "0 45 5 8"])
        let call = result.trace.calls[1]
        #expect(call.arguments == SyscallArguments(3, 0x1000, 64))
        #expect(call.entryTime == 200 && call.exitTime == 230)
        #expect(
            call.chunks == [
                MemoryRecord(.input, address: 0x3000, bytes: [4, 0, 0, 0]),
                MemoryRecord(.input, address: 0x2000, bytes: Array("in".utf8)),
                MemoryRecord(.output, address: 0x1000, bytes: Array("hello".utf8), length: 9),
            ]
        )
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test func twoThreadsAndNotifiedCallsMergeByTimeAndWithinAThreadByPosition() throws {
        let recording = try ForgedRecording()
        let (first, second) = (recording.rings[0], recording.rings[1])
        recording.give(0, to: root)
        recording.thread(11, of: root, at: 50)
        recording.give(1, to: 11, at: 60)
        first.call(1, 1, at: 100)
        second.call(2, 2, at: 110)
        first.call(3, 3, at: 120)
        // The clocks disagree: by time it would come before the call that its thread made first.
        try recording.call(root, "getpid", 10, at: 119, ring: first)
        first.call(4, 4, at: 125)
        second.call(5, 5, at: 122)
        try recording.call(11, "getuid", 0, at: 140, ring: second)
        second.call(6, 6, at: 150)
        let result = try recording.finish()
        #expect(
            result.calls == ["0 1 1", "1 2 2", "0 3 3", "0 39 10", "1 5 5", "0 4 4", "1 102 0", "1 6 6"]
        )
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test func aCallUnderWayGetsItsIndexWhenItEntersAndBlocksNobody() throws {
        let recording = try ForgedRecording()
        let (first, second) = (recording.rings[0], recording.rings[1])
        recording.give(0, to: root)
        recording.thread(11, of: root, at: 50)
        recording.give(1, to: 11, at: 60)
        let waiting = first.enter(7, at: 100)
        second.call(2, 2, at: 110)
        try recording.look()
        second.call(3, 3, at: 120)
        try recording.look()
        first.leave(waiting, 1, at: 130, chunks: [ForgedChunk(direction: 1, address: 64, text: "late")])
        let result = try recording.finish()
        #expect(result.calls == ["0 7 1", "1 2 2", "1 3 3"])
        #expect(result.trace.calls[0].exitTime == 130)
        #expect(result.trace.calls[0].chunks == [MemoryRecord(.output, address: 64, bytes: Array("late".utf8))])
        #expect(result.problems.isEmpty)
    }

    @Test func recordsThatWrapAndGapsAtTheEndAreFollowed() throws {
        let recording = try ForgedRecording(rings: 1)
        let ring = recording.rings[0]
        recording.give(0, to: root)
        // Sizes that leave every multiple of 8 at the end sooner or later, also less than a header.
        var made = 0
        for round in 0..<400 {
            let text = String(repeating: "x", count: 10_000 + round * 8 % 104)
            let time = UInt64(100 + round * 10)
            ring.call(
                UInt16(round % 300),
                Int64(round),
                at: time,
                chunks: [ForgedChunk(direction: 1, address: 64, text: text)]
            )
            made += 1
            if round % 40 == 39 { try recording.look() }
        }
        let result = try recording.finish()
        #expect(result.trace.calls.map(\.result) == (0..<Int64(made)).map { $0 })
        #expect(result.trace.calls.allSatisfy { $0.chunks.first?.bytes.count == 10_000 + Int($0.result) * 8 % 104 })
        #expect(ring.header.pointee.tail == ring.head)
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test func aThreadThatWaitsForRoomGoesOnOnceHalfIsFree() throws {
        let recording = try ForgedRecording(rings: 1)
        let ring = recording.rings[0]
        recording.give(0, to: root)
        let text = String(repeating: "x", count: 8000)
        for round in 0..<100 {
            let chunk = ForgedChunk(direction: 1, address: 64, text: text)
            ring.call(1, 0, at: UInt64(100 + round * 10), chunks: [chunk])
        }
        try recording.look()
        #expect(recording.answered.isEmpty)
        ring.header.pointee.parked = 77
        try recording.look()
        #expect(recording.answered == [77])
        #expect(ring.header.pointee.parked == 0)
        _ = try recording.finish()
    }

    @Test func aRingServesOneThreadAfterTheOther() throws {
        let recording = try ForgedRecording(rings: 1)
        let ring = recording.rings[0]
        recording.thread(11, of: root, at: 50)
        recording.give(0, to: 11, at: 60)
        ring.call(1, 1, at: 100)
        ring.call(2, 2, at: 110)
        try recording.look()
        #expect(ring.header.pointee.drained == 0)
        ring.call(3, 3, at: 120)
        recording.death(11, at: 130)
        try recording.look()
        #expect(ring.header.pointee.drained == 1)
        recording.thread(12, of: root, at: 140)
        ring.header.pointee.drained = 0
        ring.restartNumbers()
        recording.give(0, to: 12, generation: 2, at: 150)
        ring.call(4, 4, at: 160)
        recording.death(12, at: 170)
        let result = try recording.finish()
        #expect(result.calls == ["1 1 1", "1 2 2", "1 3 3", "2 4 4"])
        let made = result.trace.tasks.filter { if case .exited = $0.kind { true } else { false } }.map(\.callsMade)
        #expect(made == [3, 1])
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test func aProgramsSuccessorKeepsTheRingAndCountsAnew() throws {
        let recording = try ForgedRecording(rings: 1)
        let ring = recording.rings[0]
        recording.give(0, to: root)
        ring.call(1, 1, at: 100)
        ring.call(2, 2, at: 110)
        let execution = try recording.enter(root, "execve", at: 120, ring: ring)
        recording.event(.exec, root, a: root, at: 130)
        recording.leave(root, execution, 0, at: 131)
        ring.restartNumbers()
        recording.give(0, to: root, at: 140)
        ring.call(3, 3, at: 150)
        recording.death(root, at: 160)
        let result = try recording.finish()
        #expect(result.calls == ["0 1 1", "0 2 2", "0 59 0", "0 3 3"])
        #expect(result.trace.tasks.last?.callsMade == 4)
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test func aVforkChildIsRecordedInItsParentsRing() throws {
        let recording = try ForgedRecording(rings: 2)
        let ring = recording.rings[0]
        recording.give(0, to: root)
        ring.call(1, 1, at: 100)
        let outer = try recording.enter(root, "vfork", at: 110, ring: ring)
        recording.thread(11, of: root, isProcess: true, at: 111)
        ring.call(2, 2, at: 120)
        // And a child of the child.
        let inner = try recording.enter(11, "clone", [0x4111], at: 130, ring: ring)
        recording.thread(12, of: 11, isProcess: true, at: 131)
        ring.call(3, 3, at: 140)
        try recording.enter(12, "exit_group", at: 150, ring: ring)
        recording.leave(11, inner, 12, at: 152)
        // Its parent was quicker than the news of its end.
        ring.call(4, 4, at: 153)
        recording.death(12, at: 154)
        let execution = try recording.enter(11, "execve", at: 160, ring: ring)
        recording.event(.exec, 11, a: 11, at: 165)
        recording.leave(11, execution, 0, at: 166)
        recording.leave(root, outer, 11, at: 167)
        recording.give(1, to: 11, at: 170)
        ring.call(5, 5, at: 175)
        recording.rings[1].call(6, 6, at: 176)
        recording.death(11, at: 180)
        recording.death(root, at: 190)
        let result = try recording.finish()
        #expect(
            result.calls == [
                "0 1 1", "0 58 11", "1 2 2", "1 56 12", "2 3 3", "2 231 0 1", "1 4 4", "1 59 0", "0 5 5", "1 6 6",
            ]
        )
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test func callsThatAreMissingByTheirNumbersAreNotedAndFoundByVerify() throws {
        let recording = try ForgedRecording(rings: 1)
        let ring = recording.rings[0]
        recording.give(0, to: root)
        ring.call(1, 1, at: 100)
        ring.restartNumbers(at: 3)
        ring.call(2, 2, at: 110)
        recording.death(root, at: 120)
        let result = try recording.finish()
        #expect(result.calls == ["0 1 1", "0 2 2"])
        #expect(result.notes == ["results lost": 2])
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.contains("task 0 made 4 calls, the log holds 2") == true)
    }

    @Test func aThreadKilledInACallLeavesItUnfinished() throws {
        let recording = try ForgedRecording(rings: 1)
        let ring = recording.rings[0]
        recording.give(0, to: root)
        ring.call(1, 1, at: 100)
        ring.enter(2, at: 110)
        ring.reserve(40)
        recording.death(root, at: 120)
        let result = try recording.finish()
        #expect(result.calls == ["0 1 1", "0 2 0 1"])
        #expect(ring.header.pointee.drained == 1 && ring.header.pointee.tail == ring.head)
        #expect(result.problems.isEmpty && result.notes.isEmpty)
    }

    @Test(arguments: 0..<9)
    func whatMakesNoSenseEndsItsRingWithANote(kind: Int) throws {
        let recording = try ForgedRecording(rings: 2)
        let (ring, other) = (recording.rings[0], recording.rings[1])
        recording.give(0, to: root)
        recording.thread(11, of: root, at: 50)
        recording.give(1, to: 11, at: 60)
        ring.call(1, 1, at: 100)
        let position = ring.reserve(80)
        switch kind {
        case 0: ring.write(position, size: 0, sequence: 1, kind: 1)
        case 1: ring.write(position, size: 44, sequence: 1, kind: 1)
        case 2: ring.write(position, size: 1 << 30, sequence: 1, kind: 1)
        case 3: ring.write(position, size: 88, sequence: 1, kind: 2)
        case 4: ring.write(position, size: 80, sequence: 1, kind: 3)
        case 5: ring.write(position, size: 80, sequence: 1, kind: 1, count: 7)
        case 6: ring.write(position, size: 48, sequence: 1, kind: 1, count: 4)
        case 7: ring.write(position, size: 80, sequence: 1, kind: 1, count: 1, reserved: 3)
        default: try recording.look()
        }
        ring.commit(position)
        if kind == 8 { ring.header.pointee.head = 1 << 40 }
        other.call(2, 2, at: 110)
        try recording.look()
        ring.header.pointee.parked = 5
        try recording.look()
        #expect(recording.answered == [5])
        let result = try recording.finish()
        #expect(result.calls.contains("0 1 1") && result.calls.contains("1 2 2"))
        #expect(result.notes == ["in-process rings overwritten by their program": 1])
    }

    @Test func anExitWithoutAnEntryIsNoted() throws {
        let recording = try ForgedRecording(rings: 1)
        recording.give(0, to: root)
        recording.rings[0].leave(9, 0, at: 100)
        #expect(try recording.finish().notes == ["in-process returns without an entry": 1])
    }
}
