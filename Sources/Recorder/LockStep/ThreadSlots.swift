// Which slot of the plan array each thread has. The kernel's side moves and clears them with execs and deaths.
import CLinux

struct ThreadSlots: ~Copyable {
    private struct Slot {
        var tid: Int32 = 0
        var ringBytes = 0
        var hasExecuted = false
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let free: UnsafeMutablePointer<Int>
    private var freeCount = 0
    /// Ring bytes that plans under way may still fill; an upper bound.
    private var planned = 0

    init() {
        slots = .allocate(capacity: Tracepoints.slots)
        slots.initialize(repeating: Slot(), count: Tracepoints.slots)
        free = .allocate(capacity: Tracepoints.slots)
        for index in 0..<Tracepoints.slots { free[index] = Tracepoints.slots - 1 - index }
        freeCount = Tracepoints.slots
    }

    deinit {
        slots.deallocate()
        free.deallocate()
    }

    /// The thread's slot, a new one for a new thread; nil when all are taken by live threads.
    ///
    /// - Parameter begin: told of a new slot, with the slot of the task that created the thread, if that is known.
    mutating func slot(
        of tid: Int32,
        _ tracepoints: Tracepoints,
        begin: (_ slot: Int, _ parent: Int?) -> Void
    ) -> Int? {
        guard tid > 0, Int(tid) < tracepoints.threadCount else { return nil }
        let (value, parent) = entry(tid, tracepoints)
        if let slot = ThreadSlots.slot(value) {
            slots[slot].tid = tid
            return slot
        }
        if freeCount == 0 { sweep(tracepoints) }
        guard freeCount > 0 else { return nil }
        freeCount -= 1
        let slot = free[freeCount]
        slots[slot] = Slot(tid: tid)
        tracepoints.plans[slot].armed = 0
        tracepoints.threads[Int(tid)] = UInt64(slot + 1)
        let parentValue = parent > 0 && Int(parent) < tracepoints.threadCount ? entry(parent, tracepoints).value : 0
        begin(slot, ThreadSlots.slot(parentValue))
        return slot
    }

    /// What the table says of a thread; for one that was just created, also by whom.
    private func entry(_ tid: Int32, _ tracepoints: Tracepoints) -> (value: UInt32, parent: Int32) {
        let word = tracepoints.threads[Int(tid)]
        return (UInt32(truncatingIfNeeded: word), Int32(truncatingIfNeeded: word >> 32))
    }
    private static func slot(_ value: UInt32) -> Int? {
        value == 0 || value == CLINUX_THREAD_NEW || value == CLINUX_THREAD_PENDING ? nil : Int(value - 1)
    }

    /// Takes back the slots of threads that died.
    private mutating func sweep(_ tracepoints: Tracepoints) {
        freeCount = 0
        for slot in 0..<Tracepoints.slots {
            guard tracepoints.state(of: slots[slot].tid) != UInt32(slot + 1) else { continue }
            planned -= slots[slot].ringBytes
            slots[slot] = Slot()
            free[freeCount] = slot
            freeCount += 1
        }
    }

    mutating func executes(_ slot: Int) { slots[slot].hasExecuted = true }

    /// Whether an execve was the thread's last call; asked once.
    mutating func hasExecuted(_ slot: Int) -> Bool {
        guard slots[slot].hasExecuted else { return false }
        slots[slot].hasExecuted = false
        return true
    }

    /// Sets aside room in the kernel's ring for the slot's next return, waiting for the reader if it must.
    ///
    /// - Returns: false when even an empty ring could not hold what all the calls under way may report.
    mutating func reserve(_ slot: Int, _ bytes: Int, _ tracepoints: Tracepoints) -> Bool {
        planned += bytes - slots[slot].ringBytes
        slots[slot].ringBytes = bytes
        let ring = tracepoints.ring
        func used() -> Int {
            // The reader goes on meanwhile: its position first, or it may be past the other.
            let consumed = ring.consumerPosition
            return Int(ring.producerPosition - consumed)
        }
        guard used() + planned > ring.size else { return true }
        recount(tracepoints, except: slot)
        for _ in 0..<100_000 where planned + used() > ring.size {
            if used() == 0 { break }
            usleepBriefly()
        }
        if planned + used() <= ring.size { return true }
        planned += 1024 - bytes
        slots[slot].ringBytes = 1024
        return false
    }

    /// Forgets the plans of calls that have returned.
    private mutating func recount(_ tracepoints: Tracepoints, except slot: Int) {
        planned = slots[slot].ringBytes
        for index in 0..<Tracepoints.slots where index != slot && slots[index].ringBytes > 0 {
            if clinux_load_acquire32(&tracepoints.plans[index].armed) == 0 { slots[index].ringBytes = 0 }
            planned += slots[index].ringBytes
        }
    }
}
