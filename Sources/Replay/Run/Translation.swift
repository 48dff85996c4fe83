// The call as the engine must see it: recorded names replaced by the engine's.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    /// A descriptor number that no table has: what a recorded descriptor becomes that the engine does not have.
    private static let noDescriptor: UInt64 = 0x7fff_fff0

    /// The engine's view of a recorded call. Off resynchronisation, exactly what was recorded.
    func translate(_ call: RecordedCall, _ plan: CallPlan?, _ scopes: NameScopes, _ pending: Pending) {
        guard let plan, names.renamedSpaces & plan.nameSpaces != 0, options.resynchronise else { return }
        let variant = plan.variant
        let fds = Bijections.Scope(.fd, scopes.descriptors)
        for argument in variant.names {
            let (index, space, value) = (argument.index, argument.space, argument.value(call.record.arguments))
            let translated: Int64
            if space == .address {
                guard names.hasShifts(in: scopes.addresses) else { continue }
                translated = Int64(bitPattern: names.engineAddress(UInt64(bitPattern: value), in: scopes.addresses))
            } else if space == .pid, value < -1 {
                // A process group.
                let group = names.engineName(UInt64(-value), scopes.scope(.pid))
                translated = -Int64(bitPattern: group)
            } else if Comparison.isName(value, space) {
                let chosen = index == 1 && (call.known == .dup2 || call.known == .dup3)
                let engine =
                    space == .fd
                    ? descriptor(UInt64(value), fds, isChosen: chosen)
                    : names.engineName(UInt64(bitPattern: value), scopes.scope(space))
                translated = Int64(bitPattern: engine)
            } else {
                continue
            }
            if translated != value { pending.guest.arguments[index] = UInt64(bitPattern: translated) }
        }
        if names.hasRenamed(fds) { translateMemory(call, fds, pending) }
    }

    private func descriptor(_ recorded: UInt64, _ scope: Bijections.Scope, isChosen: Bool) -> UInt64 {
        let bijection = names[scope]
        if let engine = bijection.engine(recorded) { return engine }
        guard bijection.recorded(recorded) != nil else { return recorded }
        return isChosen ? lowestFree(bijection, from: recorded + 1) : Self.noDescriptor
    }

    func lowestFree(_ bijection: Bijection, from start: UInt64) -> UInt64 {
        var fd = start
        while bijection.recorded(fd) != nil { fd += 1 }
        return fd
    }

    /// Descriptors in poll sets and control messages; select sets are bit positions and stay as they are.
    private func translateMemory(_ call: RecordedCall, _ scope: Bijections.Scope, _ pending: Pending) {
        var places: [(fd: Int32, address: UInt64)] = []
        switch call.known {
        case .poll, .ppoll:
            for index in 0..<min(call.word(1), 1024) {
                let address = call.word(0) + index * 8
                if let fd = call.input.int32(address) { places.append((fd, address)) }
            }
        case .sendmsg: places = world.passedDescriptors(call.input, call)
        case .select, .pselect6: pending.isPartlyTranslated = true
        default: return
        }
        for (fd, address) in places where fd >= 0 {
            let engine = descriptor(UInt64(fd), scope, isChosen: false)
            guard engine != UInt64(fd) else { continue }
            let bytes = (0..<4).map { UInt8(truncatingIfNeeded: engine >> UInt64($0 * 8)) }
            pending.guest.memory.patch(address, bytes)
        }
    }
}

extension MemoryChunks {
    /// Replaces bytes inside the chunk that holds them.
    mutating func patch(_ address: UInt64, _ bytes: [UInt8]) {
        for index in chunks.indices.reversed() where address >= chunks[index].address {
            let offset = address - chunks[index].address
            guard offset + UInt64(bytes.count) <= UInt64(chunks[index].bytes.count) else { continue }
            chunks[index].bytes.replaceSubrange(Int(offset)..<(Int(offset) + bytes.count), with: bytes)
            return
        }
    }
}
