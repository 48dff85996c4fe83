// The queue from the thread that answers the tracee to the thread that writes: one producer, one consumer, no locks.
import CLinux
import Glibc

/// What a queue record reports.
enum QueueRecord: UInt16 {
    /// Nothing: the rest of the ring up to its end.
    case wrap = 0
    /// Input memory of the next `entry`.
    case input = 1
    /// A call entered.
    case entry = 2
    /// Metadata of a path that the next `entry` touches.
    case path = 3
    /// The auxiliary vector of a program that was executed.
    case auxiliaryVector = 4
    /// From ptrace: what the kernel's ring reports otherwise.
    case output = 5
    case exit = 6
    case fork = 7
    case exec = 8
    case death = 9
    case signal = 10
    /// Something that could not be recorded, in words.
    case note = 11
    /// The supervisor gave the in-process ring `a`, in its generation `b`, to the thread (or the thread keeps it); `c` is
    /// how far the kernel's ring had been filled.
    case ring = 12
}

/// First in each record; records are multiples of 8 bytes.
struct QueueHeader {
    var size: UInt32
    var kind: UInt16
    var flags: UInt16
}

struct QueueEntry {
    var tid: Int32
    var number: UInt32
    var sequence: UInt64
    var time: UInt64
    /// How far the kernel's ring had been filled when the call entered: what is there came before.
    var ringPosition: UInt64
    var arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var callFlags: UInt16
    var architecture: UInt8
    /// The thread's in-process ring, and how far it had been filled when the call entered: what is there came before,
    /// what is not came after the call's return. -1: the thread has none.
    var agentRing: Int32 = -1
    var agentPosition: UInt64 = 0
}

/// Memory: `count` bytes follow.
struct QueueMemory {
    var tid: Int32
    var owner: UInt32
    var address: UInt64
    var sequence: UInt64
    var length: UInt64
    var hashLow: UInt64
    var hashHigh: UInt64
    var count: UInt32
    var isFault: UInt32
}

/// Task events: the meaning of `a` and `b` depends on the kind.
struct QueueEvent {
    var tid: Int32
    var a: Int32
    var time: UInt64
    var b: Int64
    var c: UInt64
}

/// `pathCount` bytes of path, then `linkCount` of link target, then `headCount` of head follow.
struct QueuePath {
    var status: stat
    var absent: Int32
    var pathCount: UInt16
    var linkCount: UInt16
    var headCount: UInt16
}

/// The ring. The producer fills records in place and publishes them; the consumer reads them in place and frees them.
struct EventQueue: @unchecked Sendable {
    static let capacity = 64 << 20
    private let counters: UnsafeMutablePointer<UInt64>
    let data: UnsafeMutableRawPointer

    init?() {
        let size = EventQueue.capacity + 4096
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            memory != MAP_FAILED
        else { return nil }
        counters = memory.assumingMemoryBound(to: UInt64.self)
        data = memory + 4096
    }

    func free() { munmap(counters, EventQueue.capacity + 4096) }

    /// Filled up to here (by the producer), and freed up to here (by the consumer), on cache lines of their own.
    var head: UInt64 { clinux_load_acquire(counters) }
    var tail: UInt64 { clinux_load_acquire(counters + 16) }
    func publish(_ head: UInt64) { clinux_store_release(counters, head) }
    func release(_ tail: UInt64) { clinux_store_release(counters + 16, tail) }

    func offset(_ position: UInt64) -> Int { Int(position & UInt64(EventQueue.capacity - 1)) }
}

/// The producer's end.
struct QueueWriter {
    let queue: EventQueue
    private(set) var head: UInt64 = 0
    private var knownTail: UInt64 = 0
    /// Set by the consumer's owner when nobody reads any more: records are then dropped instead of waited for.
    private let isClosed: UnsafeMutablePointer<UInt32>

    init(_ queue: EventQueue, isClosed: UnsafeMutablePointer<UInt32>) {
        self.queue = queue
        self.isClosed = isClosed
    }

    /// Room for a record with a payload of `size` bytes; not visible to the consumer before `publish`.
    mutating func reserve(_ kind: QueueRecord, _ size: Int) -> UnsafeMutableRawPointer {
        let total = (8 + size + 7) & ~7
        let offset = queue.offset(head)
        if offset + total > EventQueue.capacity {
            let rest = EventQueue.capacity - offset
            wait(for: rest)
            put(UInt32(rest), .wrap)
            head += UInt64(rest)
        }
        wait(for: total)
        put(UInt32(total), kind)
        let body = queue.data + queue.offset(head) + 8
        head += UInt64(total)
        return body
    }

    /// Gives back the end of the record reserved last.
    mutating func shrink(_ body: UnsafeMutableRawPointer, to size: Int) {
        let total = (8 + size + 7) & ~7
        let header = (body - 8).assumingMemoryBound(to: QueueHeader.self)
        head -= UInt64(Int(header.pointee.size) - total)
        header.pointee.size = UInt32(total)
    }

    func publish() { queue.publish(head) }

    private func put(_ size: UInt32, _ kind: QueueRecord) {
        (queue.data + queue.offset(head)).storeBytes(
            of: QueueHeader(size: size, kind: kind.rawValue, flags: 0),
            as: QueueHeader.self
        )
    }

    private mutating func wait(for size: Int) {
        guard head + UInt64(size) - knownTail > UInt64(EventQueue.capacity) else { return }
        knownTail = queue.tail
        while head + UInt64(size) - knownTail > UInt64(EventQueue.capacity) {
            // The writer is behind: let it have what is complete, and hold the tracee meanwhile.
            queue.publish(head)
            if clinux_load_acquire32(isClosed) != 0 {
                knownTail = head
                return
            }
            usleep(50)
            knownTail = queue.tail
        }
    }

    mutating func event(_ kind: QueueRecord, tid: Int32, a: Int32 = 0, time: UInt64, b: Int64 = 0, c: UInt64 = 0) {
        reserve(kind, MemoryLayout<QueueEvent>.size).storeBytes(
            of: QueueEvent(tid: tid, a: a, time: time, b: b, c: c),
            as: QueueEvent.self
        )
    }
}
