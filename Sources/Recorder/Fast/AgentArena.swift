// The memory that recorded processes and the recorder share: the agent's image and the rings.
import CLinux
import Glibc
import RecorderAgent
import Synchronization

/// Owned by the recording; gives rings to threads. The log thread reads them.
final class AgentArena: @unchecked Sendable {
    /// A memfd: code and call table, then the rings. A single descriptor, so that a program that has only one free can
    /// be given it.
    let file: Int32
    let imageSize: Int
    let base: UnsafeMutableRawPointer
    static let size = Int(AGENT_ARENA_HEADER) + Int(AGENT_RINGS) * Int(AGENT_RING_STRIDE)

    private var free: [Int32] = []
    private var given: [Int32] = []
    private var neverUsed: Int32 = 0
    private let usedCount = Atomic<Int>(0)
    private var sinceSweep = 0

    init(payloadLimit: Int?) throws(RecorderError) {
        var codeSize = 0
        guard let code = agent_code(&codeSize), codeSize <= Int(AGENT_CODE_SIZE) else {
            throw RecorderError(.failed, "the agent's code is larger than its place", errno: E2BIG)
        }
        let table = AgentCallTable().bytes
        let imageSize = (Int(AGENT_CODE_SIZE) + table.count + 4095) & ~4095
        let file = try AgentArena.memory("lacuna", imageSize + AgentArena.size)
        let written =
            pwrite(file, code, codeSize, 0) == codeSize
            && table.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(AGENT_CODE_SIZE)) } == table.count
        let flags = MAP_SHARED | MAP_NORESERVE
        guard written, let base = mmap(nil, AgentArena.size, PROT_READ | PROT_WRITE, flags, file, imageSize),
            base != MAP_FAILED
        else { throw RecorderError(.failed, "no memory for the rings: \(errorText(errno))", errno: errno) }
        (self.base, self.file, self.imageSize) = (base, file, imageSize)
        // Twice this must fit a ring with room to spare; longer payload goes the notified way.
        header.pointee.payload_limit = UInt32(min(payloadLimit ?? Int.max, 65536))
    }

    deinit {
        munmap(base, AgentArena.size)
        close(file)
    }

    private static func memory(_ name: String, _ size: Int) throws(RecorderError) -> Int32 {
        let file = clinux_memfd(name)
        guard file >= 0 else { throw RecorderError(.failed, "memfd_create: \(errorText(-file))", errno: -file) }
        guard ftruncate(file, off_t(size)) == 0 else {
            throw RecorderError(.failed, "ftruncate of a memfd: \(errorText(errno))", errno: errno)
        }
        return file
    }

    private var header: UnsafeMutablePointer<agent_arena> { base.assumingMemoryBound(to: agent_arena.self) }

    func ring(_ index: Int32) -> UnsafeMutablePointer<agent_ring> {
        (base + Int(AGENT_ARENA_HEADER) + Int(index) * Int(AGENT_RING_STRIDE)).assumingMemoryBound(to: agent_ring.self)
    }

    /// The ring's address in a recorded process.
    static func address(ofRing index: Int32) -> UInt64 {
        UInt64(AGENT_ARENA) + UInt64(AGENT_ARENA_HEADER) + UInt64(index) * UInt64(AGENT_RING_STRIDE)
    }
    /// The block of the thread that has the ring.
    static func address(ofBlock index: Int32) -> UInt64 {
        UInt64(AGENT_THREADS) + UInt64(index) * UInt64(AGENT_BLOCK_STRIDE)
    }
    static func ring(ofBlock address: UInt64) -> Int32 {
        Int32(truncatingIfNeeded: (address - UInt64(AGENT_THREADS)) / UInt64(AGENT_BLOCK_STRIDE))
    }

    /// A free ring for a thread, the one freed last first, because its memory is there; nil if all are taken.
    func give(to tid: Int32, threadPointer: UInt64) -> Int32? {
        sinceSweep += 1
        if free.isEmpty, sinceSweep > 8 || neverUsed == AGENT_RINGS { sweep() }
        let index: Int32
        if let last = free.popLast() {
            index = last
        } else if neverUsed < AGENT_RINGS {
            index = neverUsed
            neverUsed += 1
            usedCount.store(Int(neverUsed), ordering: .relaxed)
        } else {
            return nil
        }
        let ring = ring(index)
        ring.pointee.generation &+= 1
        ring.pointee.drained = 0
        ring.pointee.parked = 0
        ring.pointee.thread_pointer = threadPointer
        ring.pointee.tid = tid
        given.append(index)
        return index
    }

    /// Rings from there on were never given: touching one would take memory.
    var used: Int { usedCount.load(ordering: .relaxed) }

    /// Takes back the rings whose owners are gone and whose records are read.
    private func sweep() {
        sinceSweep = 0
        given.removeAll { index in
            guard clinux_load_acquire32(&ring(index).pointee.drained) != 0 else { return false }
            ring(index).pointee.tid = 0
            free.append(index)
            return true
        }
    }

    /// What the keeper needs to let threads go on when nobody reads any more.
    var keeperView: clinux_rings {
        var view = clinux_rings()
        view.off = base.assumingMemoryBound(to: UInt32.self)
        view.parked = (base + Int(AGENT_ARENA_HEADER) + AgentArena.parkedOffset).assumingMemoryBound(to: UInt64.self)
        view.stride = UInt64(AGENT_RING_STRIDE)
        view.count = UInt32(AGENT_RINGS)
        return view
    }
    private static let parkedOffset = MemoryLayout<agent_ring>.offset(of: \.parked) ?? 0
}
