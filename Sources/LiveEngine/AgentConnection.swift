// Speaks the agent's protocol: Sources/ReplayAgent/Conductor.c and Mailbox.h are its other side.
import Engine
import LinuxABI

/// What a request asks for besides its call; `enum request_flags`.
struct RequestFlags: OptionSet {
    let rawValue: UInt32
    static let clone = Self(rawValue: 1)
    static let exec = Self(rawValue: 2)
    static let exit = Self(rawValue: 4)
    static let signalReturn = Self(rawValue: 8)
    static let noCall = Self(rawValue: 16)
    static let clear = Self(rawValue: 32)
    static let ensure = Self(rawValue: 64)
    static let vfork = Self(rawValue: 128)
    static let nested = Self(rawValue: 256)
    static let own = Self(rawValue: 512)
}

/// One call for one slot.
struct AgentRequest {
    var slot: UInt32
    var flags: RequestFlags = []
    var child: UInt32 = 0
    var number: Int = 0
    var arguments = SyscallArguments()
    var handled: UInt64 = 0
    var held: UInt64 = 0
    /// What ``RequestFlags/clear`` and ``RequestFlags/ensure`` are about.
    var range: (address: UInt64, length: UInt64) = (0, 0)
    /// A moment that is put in place before the call: nanoseconds from that clock's present.
    var deadline: (address: UInt64, distance: Int64, clock: UInt32) = (0, 0, 0)
    /// Of what the reply is to say more.
    var about = About.nothing
    var inputs: [MemoryChunks.Chunk] = []
    var outputs: [ExitItem] = []

    /// The agent does nothing for it but the call: it can be one of a batch.
    var isPlain: Bool {
        flags.isSubset(of: [.clear, .ensure]) && held == 0 && deadline.address == 0
    }
}

/// What a request wants to know of the file that its call was on; `ABOUT_…` of Mailbox.h.
enum About: Equatable {
    case nothing
    case descriptor(argument: Int)
    case path(argument: Int)

    /// The address of the chunk with the answer.
    static let address = UInt64.max - 4095

    var word: UInt32 {
        switch self {
        case .nothing: 0
        case .descriptor(let argument): 0x100 | UInt32(argument)
        case .path(let argument): 0x200 | UInt32(argument)
        }
    }
}

/// The answer; -1: not known.
struct FileNature {
    /// `f_type` of statfs(2).
    var system: Int64
    var mode: Int64
    /// `st_rdev`.
    var device: Int64
    /// SO_DOMAIN.
    var domain: Int64

    init?(_ writes: inout [MemoryChunks.Chunk]) {
        guard let index = writes.firstIndex(where: { $0.address == About.address }) else { return nil }
        let bytes = writes.remove(at: index).bytes
        system = Int64(bitPattern: bytes.word(0))
        mode = Int64(bitPattern: bytes.word(8))
        device = Int64(bitPattern: bytes.word(16))
        domain = Int64(bitPattern: bytes.word(24))
    }
}

struct AgentReply {
    enum Status: UInt32 { case returned = 0, blocked, exited, failed }
    var status: Status
    var result: Int64
    /// Deliveries; `SIGNAL_MISALIGNED` of Mailbox.h may be set in them.
    var signals: [Int32] = []
    var writes: [MemoryChunks.Chunk] = []
}

/// Frames, both ways. One request at a time.
final class AgentConnection: AgentChannel {
    private enum Operation: UInt32 { case call = 1, wait, cancel, signal, free }

    private let transport: any AgentTransport
    private var buffer: [UInt8] = []
    private var position = 0
    private(set) var greeting = AgentGreeting(namespaces: 0, handler: 0, restorer: 0, descriptors: 0...0, slots: 0)
    /// The agent's largest request, `REQUEST_LIMIT`.
    static let requestLimit = 0x3a0000

    init(_ transport: any AgentTransport, startTimeout: Int) throws(EngineFailure) {
        self.transport = transport
        try greet(startTimeout)
    }

    private func greet(_ milliseconds: Int) throws(EngineFailure) {
        let magic = Array("LACUNA-A".utf8)
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while true {
            if let start = buffer.firstRange(of: magic)?.lowerBound, buffer.count >= start + 64 {
                let words = (0..<8).map { word(start + $0 * 8) }
                guard words[1] == 2 else { throw EngineFailure("the agent speaks protocol \(words[1]), not 2") }
                greeting = AgentGreeting(
                    namespaces: words[2],
                    handler: words[3],
                    restorer: words[4],
                    descriptors: words[5]...words[6],
                    slots: Int(words[7])
                )
                position = start + 64
                return
            }
            guard ContinuousClock.now < deadline else {
                let said = String(decoding: buffer.suffix(200), as: UTF8.self)
                throw EngineFailure(
                    "the agent did not start within \(milliseconds) ms\(said.isEmpty ? "" : ": \(said)")"
                )
            }
            buffer += try transport.receive(atMost: 65536, milliseconds: 100)
        }
    }

    // MARK: - Requests

    func call(_ request: AgentRequest, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        var body = ByteWriter()
        body.add(request)
        guard body.bytes.count <= Self.requestLimit else {
            throw EngineFailure("a call has more memory than the agent's slots hold (\(body.bytes.count) bytes)")
        }
        return try exchange(.call, request.slot, UInt32(clamping: milliseconds), body.bytes)
    }

    func wait(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        try exchange(.wait, slot, UInt32(clamping: milliseconds))
    }

    func cancel(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        try exchange(.cancel, slot, UInt32(clamping: milliseconds))
    }

    func signal(_ slot: UInt32, _ signal: Int32) throws(EngineFailure) -> Int64 {
        try exchange(.signal, slot, UInt32(bitPattern: signal)).result
    }

    func free(_ slot: UInt32) throws(EngineFailure) { _ = try exchange(.free, slot, 0) }

    private func exchange(
        _ operation: Operation,
        _ slot: UInt32,
        _ milliseconds: UInt32,
        _ body: [UInt8] = []
    ) throws(EngineFailure) -> AgentReply {
        var frame = ByteWriter()
        frame.add(UInt32(body.count))
        frame.add(operation.rawValue)
        frame.add(slot)
        frame.add(milliseconds)
        try transport.send(frame.bytes + body)
        return try reply(milliseconds: Int(operation == .signal ? 0 : milliseconds) + 10_000)
    }

    // MARK: - Replies

    private func reply(milliseconds: Int) throws(EngineFailure) -> AgentReply {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        try fill(24, deadline)
        let length = Int(half(position))
        let status = AgentReply.Status(rawValue: half(position + 4)) ?? .failed
        let (signalCount, chunkCount) = (Int(half(position + 8)), Int(half(position + 12)))
        var reply = AgentReply(status: status, result: Int64(bitPattern: word(position + 16)))
        try fill(24 + length, deadline)
        var at = position + 24
        for index in 0..<signalCount { reply.signals.append(Int32(bitPattern: half(at + index * 4))) }
        at += (signalCount * 4 + 7) & ~7
        reply.writes = chunks(chunkCount, &at)
        position += 24 + length
        return reply
    }

    private func chunks(_ count: Int, _ at: inout Int) -> [MemoryChunks.Chunk] {
        var chunks: [MemoryChunks.Chunk] = []
        for _ in 0..<count {
            let size = Int(word(at + 8))
            chunks.append(.init(address: word(at), bytes: Array(buffer[(at + 16)..<(at + 16 + size)])))
            at += 16 + ((size + 7) & ~7)
        }
        return chunks
    }

    private func fill(_ count: Int, _ deadline: ContinuousClock.Instant) throws(EngineFailure) {
        if position > 1 << 20 || position == buffer.count {
            buffer.removeFirst(position)
            position = 0
        }
        while buffer.count - position < count {
            guard ContinuousClock.now < deadline else { throw EngineFailure("the agent does not answer") }
            buffer += try transport.receive(atMost: 1 << 20, milliseconds: 1000)
        }
    }

    private func word(_ at: Int) -> UInt64 {
        buffer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
    }

    private func half(_ at: Int) -> UInt32 {
        buffer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
    }
}

/// Little-endian integers in a row.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func add(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// `struct request` of the agent, with its inputs and outputs.
    mutating func add(_ request: AgentRequest) {
        add(request.flags.rawValue)
        add(request.child)
        add(UInt64(bitPattern: Int64(request.number)))
        for index in 0..<6 { add(request.arguments[index]) }
        add(request.handled)
        add(request.held)
        add(request.range.address)
        add(request.range.length)
        add(request.deadline.address)
        add(request.deadline.distance)
        add(request.deadline.clock)
        add(request.about.word)
        add(UInt32(request.inputs.count))
        add(UInt32(request.outputs.count))
        for chunk in request.inputs {
            add(chunk.address)
            add(UInt32(chunk.bytes.count))
            add(UInt32(clamping: max(chunk.length, chunk.bytes.count)))
            bytes += chunk.bytes
            pad()
        }
        for item in request.outputs {
            add(item.address)
            add(item.limit)
            add(item.skip)
            add(item.extra)
            add(item.lengthAddress)
            add(item.scale)
            bytes += [item.kind.rawValue, item.isAlways ? 1 : 0, 0, 0]
        }
    }

    mutating func pad() { while bytes.count % 8 != 0 { bytes.append(0) } }
}
