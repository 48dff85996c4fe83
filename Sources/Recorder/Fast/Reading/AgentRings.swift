// The rings that agents in recorded processes write, mapped here: where they are, what the reader may change.
import CLinux
import RecorderAgent

/// The shared arena (RecorderAgent.h). Everything in it may be overwritten by a recorded process at any time.
struct AgentRings: @unchecked Sendable {
    /// Bytes of records in a ring.
    static let ringBytes = UInt64(AGENT_RING_BYTES)

    private let base: UnsafeMutableRawPointer
    /// Rings that fit.
    let count: Int
    /// Rings from there on were never given to a thread.
    private let used: @Sendable () -> Int
    /// Lets a thread go on that waits for room: the id of its notification.
    let answer: @Sendable (UInt64) -> Void

    /// - Parameters:
    ///   - size: bytes mapped at `base`.
    ///   - used: how many of the rings, from the first, were ever given.
    ///   - answer: called on the log thread.
    init(
        base: UnsafeMutableRawPointer,
        size: Int,
        used: @escaping @Sendable () -> Int = { .max },
        answer: @escaping @Sendable (UInt64) -> Void
    ) {
        self.base = base
        self.used = used
        count = min(Int(AGENT_RINGS), max(0, size - Int(AGENT_ARENA_HEADER)) / Int(AGENT_RING_STRIDE))
        self.answer = answer
    }

    subscript(ring: Int) -> AgentRing {
        AgentRing(base: base + Int(AGENT_ARENA_HEADER) + ring * Int(AGENT_RING_STRIDE))
    }

    /// Nobody will read any more: agents stop writing, and nobody waits for room.
    func close() {
        clinux_store_release32(base.assumingMemoryBound(to: UInt32.self), 1)
        for ring in 0..<min(count, used()) { self[ring].answerParked(answer) }
    }
}

/// One ring: header, then records.
struct AgentRing {
    private let base: UnsafeMutableRawPointer

    init(base: UnsafeMutableRawPointer) { self.base = base }

    var data: UnsafeRawPointer { UnsafeRawPointer(base + Int(AGENT_RING_HEADER)) }

    private func word(_ offset: Int) -> UnsafeMutablePointer<UInt64> {
        (base + offset).assumingMemoryBound(to: UInt64.self)
    }
    private static let tailOffset = MemoryLayout<agent_ring>.offset(of: \.tail) ?? 64
    private static let parkedOffset = MemoryLayout<agent_ring>.offset(of: \.parked) ?? 72
    private static let drainedOffset = MemoryLayout<agent_ring>.offset(of: \.drained) ?? 144

    /// Reserved up to here.
    var head: UInt64 { clinux_load_acquire(word(0)) }
    /// Read up to here.
    var tail: UInt64 { clinux_load_acquire(word(AgentRing.tailOffset)) }
    func release(_ tail: UInt64) { clinux_store_release(word(AgentRing.tailOffset), tail) }

    /// The thread waits for room.
    var isParked: Bool { clinux_load_once(word(AgentRing.parkedOffset)) != 0 }
    func answerParked(_ answer: (UInt64) -> Void) {
        guard isParked else { return }
        let notification = clinux_exchange(word(AgentRing.parkedOffset), 0)
        if notification != 0 { answer(notification) }
    }

    /// The supervisor may give the ring to another thread.
    func setDrained() {
        clinux_store_release32((base + AgentRing.drainedOffset).assumingMemoryBound(to: UInt32.self), 1)
    }
}
