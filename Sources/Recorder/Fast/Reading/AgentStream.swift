// How far one ring has been read, whose calls are in it, and which of their numbers are missing.
import RecorderAgent

/// The reader's state of a ring.
struct AgentStream {
    let ring: AgentRing
    /// Next record to read.
    var position: UInt64 = 0
    /// Freed up to here.
    var released: UInt64 = 0
    /// The head, as last seen.
    var visible: UInt64 = 0
    var generation: UInt32 = 0
    /// Nothing in the ring can be understood any more.
    var isBroken = false
    /// The thread whose ring it is, then its vfork child, that one's, and so on: the last one runs.
    private(set) var occupants: [RecordedTask] = []
    private(set) var current: RecordedTask?
    /// Positions before `position` of records that were reserved and not committed when the reader passed.
    var holes: [UInt64] = []
    /// The time of the record at a position, once looked at.
    var peeked = (position: UInt64.max, time: UInt64(0))
    var numbers = CallNumbers()
    /// Its thread waited for room at the end of the last merge already.
    var wasParked = false

    init(ring: AgentRing) { self.ring = ring }

    mutating func enter(_ task: RecordedTask) {
        occupants.append(task)
        current = task
    }

    mutating func leave(_ task: RecordedTask) {
        occupants.removeAll { $0 === task }
        current = occupants.last
    }

    /// What may be freed: holes will still be written to.
    var freeable: UInt64 { holes.min() ?? position }

    mutating func release() {
        let freeable = freeable
        guard freeable != released else { return }
        ring.release(freeable)
        released = freeable
    }
}

/// The numbers that a ring's thread gives its calls: without gaps, or calls are lost.
struct CallNumbers {
    /// A handler that interrupts the agent takes its numbers between two of the interrupted call: numbers come late, but
    /// soon.
    private static let patience: UInt32 = 64

    private var next: UInt32 = 0
    private var missing: [UInt32] = []
    /// Numbers missing beyond those that are still waited for.
    private var lost = 0
    /// The thread's program may be another one now, which counts from 0.
    private var mayRestart = true

    /// - Returns: the calls made since the last number, as counted by the thread; more than 1 if numbers are missing.
    @inline(__always)
    mutating func count(_ number: UInt32) -> Int {
        if number == next, !mayRestart {
            next = number &+ 1
            return 1
        }
        return unexpected(number)
    }

    @inline(never)
    private mutating func unexpected(_ number: UInt32) -> Int {
        if let position = missing.firstIndex(of: number) {
            missing.remove(at: position)
            return 0
        }
        let ahead = number &- next
        if mayRestart {
            mayRestart = false
            // Behind: a new count. Far ahead: a thread that counted on elsewhere.
            if ahead >= CallNumbers.patience {
                abandon()
                next = number < CallNumbers.patience ? 0 : number
                return count(number)
            }
        }
        // Behind, or absurdly far ahead: no agent counts so.
        guard ahead < 1 << 20 else { return 1 }
        for late in 0..<min(ahead, CallNumbers.patience) { missing.append(next &+ late) }
        lost += Int(ahead) - Int(min(ahead, CallNumbers.patience))
        if missing.count > 1024 { abandon() }
        next = number &+ 1
        return Int(ahead) + 1
    }

    /// The agent says that a call with this number was never made.
    ///
    /// - Returns: whether it had been counted.
    mutating func excuse(_ number: UInt32) -> Bool {
        if let position = missing.firstIndex(of: number) {
            missing.remove(at: position)
            return true
        }
        if number == next { next = number &+ 1 }
        return false
    }

    mutating func mayBeginAgain() { mayRestart = true }

    /// Nothing that is missing will come any more.
    private mutating func abandon() {
        lost += missing.count
        missing.removeAll()
    }

    /// How many calls are lost for good; counts each once.
    mutating func takeLost() -> UInt64 {
        abandon()
        defer { lost = 0 }
        return UInt64(lost)
    }
}
