// Rings, queue and log of a recording without a kernel: tests write what agents and the supervisor would.
import CLinux
import Glibc
import LinuxABI
import RecorderAgent
import Testing
import TraceLog

@testable import Recorder

/// Memory of a forged record.
struct ForgedChunk {
    var direction: UInt32
    var address: UInt64
    var text: String
    var length: UInt32?
}

/// A ring as its thread sees it.
final class ForgedRing {
    let index: Int
    let base: UnsafeMutableRawPointer
    private(set) var head: UInt64 = 0
    private var sequence: UInt32 = 0

    init(_ index: Int, _ base: UnsafeMutableRawPointer) {
        self.index = index
        self.base = base
    }

    var header: UnsafeMutablePointer<agent_ring> { base.assumingMemoryBound(to: agent_ring.self) }
    var free: UInt64 { UInt64(AGENT_RING_BYTES) - (head - header.pointee.tail) }
    func restartNumbers(at number: UInt32 = 0) { sequence = number }

    private func at(_ position: UInt64) -> UnsafeMutableRawPointer {
        base + Int(AGENT_RING_HEADER) + Int(position % UInt64(AGENT_RING_BYTES))
    }

    /// Reserves; what the agent writes at once is written.
    @discardableResult
    func reserve(_ size: Int) -> UInt64 {
        let rest = UInt64(AGENT_RING_BYTES) - head % UInt64(AGENT_RING_BYTES)
        if rest < UInt64(size) {
            let position = head
            head += rest
            if rest >= 40 {
                write(position, size: Int(rest), sequence: AGENT_NO_SEQUENCE, kind: 0)
                commit(position)
            }
        }
        let position = head
        head += UInt64(size)
        write(position, size: size, sequence: AGENT_NO_SEQUENCE, kind: 0)
        clinux_store_release(&header.pointee.head, head)
        return position
    }

    func write(
        _ position: UInt64,
        size: Int,
        sequence: UInt32,
        kind: UInt8,
        count: UInt8 = 0,
        number: UInt16 = 0,
        flags: UInt16 = 0,
        reserved: UInt16 = 0,
        time: UInt64 = 0
    ) {
        let record = at(position).assumingMemoryBound(to: agent_record.self)
        record.pointee.size = UInt32(truncatingIfNeeded: size)
        record.pointee.sequence = sequence
        guard UInt64(AGENT_RING_BYTES) - position % UInt64(AGENT_RING_BYTES) >= 40 else { return }
        record.pointee.kind = kind
        record.pointee.count = count
        record.pointee.number = number
        record.pointee.flags = flags
        record.pointee.reserved = reserved
        record.pointee.time = time
    }

    func commit(_ position: UInt64) {
        clinux_store_release(at(position).assumingMemoryBound(to: UInt64.self), position + 1)
        clinux_store_release(&header.pointee.head, head)
    }

    private func put(_ chunks: [ForgedChunk], _ start: UnsafeMutableRawPointer) {
        var to = start
        for chunk in chunks {
            let bytes = Array(chunk.text.utf8)
            to.storeBytes(
                of: agent_chunk(
                    address: chunk.address,
                    length: chunk.length ?? UInt32(bytes.count),
                    kept: UInt32(bytes.count),
                    direction: chunk.direction,
                    pad: 0
                ),
                as: agent_chunk.self
            )
            bytes.withUnsafeBytes {
                if let from = $0.baseAddress { (to + 24).copyMemory(from: from, byteCount: $0.count) }
            }
            to += 24 + (bytes.count + 7) & ~7
        }
    }
    private func size(_ chunks: [ForgedChunk]) -> Int {
        chunks.reduce(0) { $0 + 24 + ($1.text.utf8.count + 7) & ~7 }
    }

    /// The number of the call; with `into`, an earlier reservation is filled.
    @discardableResult
    func enter(
        _ number: UInt16,
        _ arguments: [UInt64] = [],
        at time: UInt64,
        chunks: [ForgedChunk] = [],
        into reserved: UInt64? = nil
    ) -> UInt32 {
        let start = 40 + 8 * max(0, arguments.count - 1)
        let position = reserved ?? reserve(start + size(chunks))
        defer { sequence += 1 }
        write(
            position,
            size: start + size(chunks),
            sequence: sequence,
            kind: 1,
            count: UInt8(arguments.count),
            number: number,
            reserved: UInt16(chunks.count),
            time: time
        )
        for (index, argument) in arguments.enumerated() {
            at(position).storeBytes(of: argument, toByteOffset: 32 + 8 * index, as: UInt64.self)
        }
        put(chunks, at(position) + start)
        commit(position)
        return sequence
    }

    func leave(
        _ sequence: UInt32,
        _ result: Int64,
        at time: UInt64,
        chunks: [ForgedChunk] = [],
        flags: UInt16 = 0,
        into reserved: UInt64? = nil
    ) {
        let position = reserved ?? reserve(40 + size(chunks))
        write(
            position,
            size: 40 + size(chunks),
            sequence: sequence,
            kind: 2,
            count: UInt8(chunks.count),
            flags: flags,
            time: time
        )
        at(position).storeBytes(of: result, toByteOffset: 32, as: Int64.self)
        put(chunks, at(position) + 40)
        commit(position)
    }

    /// A whole call.
    func call(_ number: UInt16, _ result: Int64, at time: UInt64, chunks: [ForgedChunk] = []) {
        leave(enter(number, at: time), result, at: time + 5, chunks: chunks)
    }
}

/// A recording whose events tests forge. Ticks are nanoseconds, and the recording starts at 0.
final class ForgedRecording {
    static let root: Int32 = 10
    let control = RecordingControl()
    private let queue: EventQueue
    private var producer: QueueWriter
    private let arena: UnsafeMutableRawPointer
    private let arenaSize: Int
    private let path: String
    private let writer: TraceWriter
    private let log: LogBox
    private let answers = Answers()
    let rings: [ForgedRing]
    private var sequence: UInt64 = 0

    /// `LogThread` cannot be copied, and a class member cannot be moved out of.
    private final class LogBox {
        var thread: LogThread
        init(_ thread: consuming LogThread) { self.thread = thread }
    }
    final class Answers: @unchecked Sendable { var ids: [UInt64] = [] }

    init(rings count: Int = 4) throws {
        queue = try #require(EventQueue())
        producer = QueueWriter(queue, isClosed: control.queueClosed)
        arenaSize = Int(AGENT_ARENA_HEADER) + count * Int(AGENT_RING_STRIDE)
        arena = UnsafeMutableRawPointer.allocate(byteCount: arenaSize, alignment: 4096)
        arena.initializeMemory(as: UInt8.self, repeating: 0, count: arenaSize)
        let base = arena + Int(AGENT_ARENA_HEADER)
        rings = (0..<count).map { ForgedRing($0, base + $0 * Int(AGENT_RING_STRIDE)) }
        path = "/tmp/lacuna-forged-\(getpid())-\(UInt64.random(in: 0 ... .max)).lacuna"
        var options = TraceWriter.Options()
        options.timeGranularity = 1
        writer = try TraceWriter(path: path, header: TraceHeader(), options: options)
        let answers = answers
        log = LogBox(
            LogThread(
                queue: queue,
                ring: nil,
                control: control,
                writer: writer,
                start: 0,
                keepsEnvironment: true,
                limits: LogThread.Limits(),
                rings: AgentRings(base: arena, size: arenaSize) { answers.ids.append($0) },
                clock: TscClock(
                    TscClock.Sample(ticks: 0, nanoseconds: 0),
                    TscClock.Sample(ticks: 1000, nanoseconds: 1000)
                )
            )
        )
        try log.thread.state.created(tid: Self.root, tgid: Self.root, parent: nil, time: 0)
    }

    deinit {
        queue.free()
        arena.deallocate()
        unlink(path)
    }

    var answered: [UInt64] { answers.ids }
    var isOff: Bool { arena.load(as: UInt32.self) == 1 }

    // MARK: - What the supervisor and the kernel report

    func give(_ ring: Int, to tid: Int32, generation: Int64 = 1, at time: UInt64 = 0) {
        event(.ring, tid, a: Int32(ring), at: time, b: generation)
    }

    /// A notified call that has not returned; its number for `leave`.
    @discardableResult
    func enter(
        _ tid: Int32,
        _ name: String,
        _ arguments: [UInt64] = [],
        at time: UInt64,
        ring: ForgedRing? = nil,
        position: UInt64? = nil
    ) throws -> UInt64 {
        sequence += 1
        var words = arguments + [UInt64](repeating: 0, count: 6)
        words.removeLast(words.count - 6)
        producer.reserve(.entry, MemoryLayout<QueueEntry>.size).storeBytes(
            of: QueueEntry(
                tid: tid,
                number: try number(name),
                sequence: sequence,
                time: time,
                ringPosition: 0,
                arguments: (words[0], words[1], words[2], words[3], words[4], words[5]),
                callFlags: 0,
                architecture: Architecture.x86_64.rawValue,
                agentRing: ring.map { Int32($0.index) } ?? -1,
                agentPosition: position ?? ring?.head ?? 0
            ),
            as: QueueEntry.self
        )
        producer.publish()
        return sequence
    }
    func leave(_ tid: Int32, _ sequence: UInt64, _ result: Int64, at time: UInt64) {
        event(.exit, tid, at: time, b: result, c: sequence)
    }
    func call(_ tid: Int32, _ name: String, _ result: Int64, at time: UInt64, ring: ForgedRing? = nil) throws {
        leave(tid, try enter(tid, name, at: time, ring: ring), result, at: time + 5)
    }
    func event(_ kind: QueueRecord, _ tid: Int32, a: Int32 = 0, at time: UInt64, b: Int64 = 0, c: UInt64 = 0) {
        producer.event(kind, tid: tid, a: a, time: time, b: b, c: c)
        producer.publish()
    }
    func thread(_ tid: Int32, of parent: Int32, isProcess: Bool = false, at time: UInt64) {
        event(.fork, parent, a: tid, at: time, b: Int64(isProcess ? tid : Self.root))
    }
    func death(_ tid: Int32, at time: UInt64) { event(.death, tid, at: time, b: -1) }
    func number(_ name: String) throws -> UInt32 { UInt32(try #require(ABI.call(named: name)?.numbers.x86_64)) }

    // MARK: - The log

    /// The log thread looks once.
    func look() throws { _ = try log.thread.drain(isLast: false) }

    struct Result {
        var trace: Trace
        /// What `verify` finds wrong.
        var problems: [String]
        var notes: [String: UInt64]
        /// "task number result", in order of index; flags follow.
        var calls: [String] {
            trace.calls.map { call in
                let flags = call.flags.isEmpty ? "" : " \(call.flags.rawValue)"
                return "\(call.task.rawValue) \(call.number) \(call.result)\(flags)"
            }
        }
    }

    /// Ends the recording and reads its log.
    func finish() throws -> Result {
        _ = try log.thread.drain(isLast: true)
        log.thread.reader?.finish(&log.thread.state)
        try log.thread.state.finish()
        try writer.finish(TraceTrailer())
        return Result(
            trace: try Trace.load(path: path),
            problems: try TraceVerification.verify(path: path).problems.map(\.message),
            notes: log.thread.state.notes
        )
    }
}
