// A request in the environment's terms: addresses of a kernel that has fewer bits of them, pids that it would not let choose.
import Engine
import LinuxABI

extension AgentEngine {
    /// The agent is the build for 39 bits of addresses.
    var isLow: Bool { ((try? connection.greeting.handler) ?? .max) < 1 << 39 }

    /// Makes a task's call.
    func callTask(_ request: AgentRequest, _ state: TaskState) throws(EngineFailure) -> AgentReply {
        var request = request
        renamePids(&request)
        if isLow { fold(&request, state) }
        return try connection.call(request, milliseconds: options.budget)
    }

    // MARK: - Pids

    /// Remembers the pid that a child got instead of the recorded one.
    func notePid(_ pid: Int64, of call: GuestCall, isNested: Bool) {
        guard let recorded = environment.names.offer(.task, for: call.index) else { return }
        let compiler = opened as? ProgramCompiler
        let answer = compiler?.reference(to: call.index) ?? pid
        notePid(answer, recorded: Int64(truncatingIfNeeded: recorded), isNested: isNested)
    }

    /// What was chosen may be taken by then: emulators have threads of their own. Namespaces within count for themselves.
    func notePid(_ pid: Int64, recorded: Int64, isNested: Bool) {
        guard outside.lastPid < 0 || opened?.mode == .compiling || !isNested, pid > 0 else { return }
        pids[recorded] = pid == recorded ? nil : pid
    }

    private func renamePids(_ request: inout AgentRequest) {
        guard !pids.isEmpty else { return }
        if request.number == Linux.capget || request.number == Linux.capset { renameHeader(&request) }
        guard let description = ABI.call(request.number, .x86_64) else { return }
        for (index, argument) in description.variant(for: request.arguments).arguments.enumerated().prefix(6) {
            if case .pointer(_, .cstring(isPath: true, names: _), _) = argument.type {
                renamePath(index, &request)
                continue
            }
            guard case .scalar(let scalar) = argument.type, scalar.rule == .renamed(.pid) else { continue }
            let value = Int64(Int32(truncatingIfNeeded: request.arguments[index]))
            // A negative one is a process group.
            if let pid = pids[value] {
                request.arguments[index] = UInt64(bitPattern: pid)
            } else if value < -1, let pid = pids[-value] {
                request.arguments[index] = UInt64(bitPattern: -pid)
            }
        }
    }

    /// A pid in a path of procfs: `/proc/PID/…`, or `PID/…` below a descriptor of it.
    private func renamePath(_ index: Int, _ request: inout AgentRequest) {
        guard let chunk = request.inputs.firstIndex(where: { $0.address == request.arguments[index] }) else { return }
        let bytes = request.inputs[chunk].bytes
        guard let end = bytes.firstIndex(of: 0) else { return }
        let start = bytes.starts(with: "/proc/".utf8) ? 6 : 0
        let digits = bytes[start..<end].prefix { $0 != UInt8(ascii: "/") }
        guard let recorded = Int64(String(decoding: digits, as: UTF8.self)), let pid = pids[recorded] else { return }
        if start == 0 {
            let folder = index > 0 ? request.arguments[index - 1] : UInt64(bitPattern: -100)
            let status =
                Int32(truncatingIfNeeded: folder) == -100
                ? try? make("statfs", .text("."), .output(120), in: request.slot)
                : try? make("fstatfs", .value(folder), .output(120), in: request.slot)
            guard status?.output.word(0) == Self.procfs else { return }
        }
        let text = Array(String(pid).utf8)
        // What follows in memory may be something else's.
        guard text.count <= digits.count else { return }
        request.inputs[chunk].bytes = Array(bytes[..<start]) + text + Array(bytes[digits.endIndex...])
    }

    private static let procfs: UInt64 = 0x9fa0

    /// The pid in a capability header.
    private func renameHeader(_ request: inout AgentRequest) {
        guard let index = request.inputs.firstIndex(where: { $0.address == request.arguments[0] }),
            request.inputs[index].bytes.count >= 8
        else { return }
        let word = request.inputs[index].bytes.word(0)
        guard let pid = pids[Int64(word >> 32)], let pid = Int32(exactly: pid) else { return }
        request.inputs[index].bytes.setWord(0, word & 0xffff_ffff | UInt64(UInt32(bitPattern: pid)) << 32)
    }

    // MARK: - Addresses

    private func fold(_ request: inout AgentRequest, _ state: TaskState) {
        let space = state.memory
        if let description = ABI.call(request.number, .x86_64) {
            let variant = description.variant(for: request.arguments)
            var pointers = PointerSearch(MemoryChunks(request.inputs))
            variant.capture.run(request.arguments, on: &pointers)
            pointers.free()
            for index in request.inputs.indices {
                request.inputs[index].bytes = pointers.folded(request.inputs[index], space)
            }
            foldUnfollowed(variant, &request, space)
            for (index, argument) in variant.arguments.enumerated().prefix(6) where argument.type.isAddress {
                request.arguments[index] = space.windows.fold(request.arguments[index])
            }
        }
        for index in request.inputs.indices {
            request.inputs[index].address = space.windows.fold(request.inputs[index].address)
        }
        for index in request.outputs.indices {
            request.outputs[index].address = space.windows.fold(request.outputs[index].address)
            request.outputs[index].lengthAddress = space.windows.fold(request.outputs[index].lengthAddress)
        }
        request.range.address = space.windows.fold(request.range.address)
        request.deadline.address = space.windows.fold(request.deadline.address)
    }

    /// Pointers in structures that nobody follows (`bpf_attr.key`, `clone_args.stack`): the kernel checks them all the same.
    private func foldUnfollowed(_ variant: Variant, _ request: inout AgentRequest, _ space: AddressSpace) {
        for (argument, start) in zip(variant.arguments, (0..<6).map { request.arguments[$0] }) {
            guard let structure = argument.type.structure else { continue }
            // Other addresses are values, which the kernel gives back: only clone3 checks them.
            for field in structure.fields
            where field.type.isPointer || request.number == Linux.clone3 && field.type.isAddress {
                let place = start &+ UInt64(field.offset)
                guard
                    let index = request.inputs.firstIndex(where: {
                        place >= $0.address && place - $0.address + 8 <= UInt64($0.bytes.count)
                    })
                else { continue }
                let offset = Int(place - request.inputs[index].address)
                let pointer = request.inputs[index].bytes.word(offset)
                // What was followed is folded already: that lies below.
                if pointer >= 1 << 39 { request.inputs[index].bytes.setWord(offset, space.windows.fold(pointer)) }
            }
        }
    }

    /// A reply in the recording's terms.
    func unfolded(_ reply: AgentReply, _ call: GuestCall, _ state: TaskState) -> AgentReply {
        guard isLow else { return reply }
        var reply = reply
        for index in reply.writes.indices {
            reply.writes[index].address = state.memory.windows.unfold(reply.writes[index].address)
        }
        if reply.result > 0, Linux.answersAddresses.contains(call.number) {
            reply.result = Int64(bitPattern: state.memory.windows.unfold(UInt64(bitPattern: reply.result)))
        }
        return reply
    }
}

extension Linux {
    static let clone3 = ABI.call(named: "clone3")?.numbers.x86_64 ?? 435
    static let capget = ABI.call(named: "capget")?.numbers.x86_64 ?? 125
    static let capset = ABI.call(named: "capset")?.numbers.x86_64 ?? 126
    static let answersAddresses: Set<Int> = Set(
        ["mmap", "mremap", "shmat"].compactMap { ABI.call(named: $0)?.numbers.x86_64 }
    )
}

extension ABIType {
    fileprivate var isPointer: Bool {
        switch self {
        case .pointer, .rawPointer: true
        default: false
        }
    }

    fileprivate var isAddress: Bool {
        if case .scalar(let scalar) = self { return scalar.format == .address }
        return isPointer
    }

    /// The one that it points to.
    fileprivate var structure: StructDescription? {
        switch self {
        case .pointer(_, .value(.structure(let structure)), _), .pointer(_, .sized(let structure, _), _): structure
        default: nil
        }
    }
}

/// Finds the words of input memory that the kernel takes for pointers: those that the capture program follows.
private struct PointerSearch: CaptureTarget {
    private let memory: MemoryChunks
    private var followed: Set<UInt64> = []
    private var structures: [Range<UInt64>] = []
    private var kept: [UnsafeMutableRawBufferPointer] = []

    init(_ memory: MemoryChunks) { self.memory = memory }

    func free() { for buffer in kept { buffer.deallocate() } }

    mutating func input(_ address: UInt64, length: Int, isPayload: Bool) -> UnsafeRawBufferPointer {
        followed.insert(address)
        guard !isPayload, case let bytes = bytes(address, length), !bytes.isEmpty else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        structures.append(address..<(address &+ UInt64(bytes.count)))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        buffer.copyBytes(from: bytes)
        kept.append(buffer)
        return UnsafeRawBufferPointer(buffer)
    }

    private func bytes(_ address: UInt64, _ length: Int) -> [UInt8] {
        switch memory.read(address, count: length) {
        case .bytes(let all): all
        case .cut(let some, _): some
        case .absent: []
        }
    }

    mutating func inputString(_ address: UInt64, limit: Int) { followed.insert(address) }

    mutating func output(_ item: ExitItem) {
        followed.insert(item.address)
        if item.lengthAddress != 0 { followed.insert(item.lengthAddress) }
    }

    /// The chunk's bytes with its pointers folded.
    func folded(_ chunk: MemoryChunks.Chunk, _ space: AddressSpace) -> [UInt8] {
        var bytes = chunk.bytes
        for structure in structures where structure.contains(chunk.address) || structure.lowerBound > chunk.address {
            let start = structure.lowerBound > chunk.address ? Int(clamping: structure.lowerBound - chunk.address) : 0
            let end = Int(clamping: min(UInt64(bytes.count), structure.upperBound &- chunk.address))
            var at = start
            while at + 8 <= end {
                let word = bytes.word(at)
                if followed.contains(word) { bytes.setWord(at, space.windows.fold(word)) }
                at += 8
            }
        }
        return bytes
    }
}
