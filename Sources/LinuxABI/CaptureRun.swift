// Runs a capture program at a call's entry.

/// Where captured input goes, and the exit plan with it. Implemented by the recorder without allocation.
public protocol CaptureTarget {
    /// Copies `length` bytes of tracee memory at `address`; cuts payload by policy. The bytes kept must stay valid
    /// until the program has run. An unreadable address gives an empty buffer.
    mutating func input(_ address: UInt64, length: Int, isPayload: Bool) -> UnsafeRawBufferPointer
    /// Copies a NUL-terminated string of at most `limit` bytes.
    mutating func inputString(_ address: UInt64, limit: Int)
    /// Adds a range to the exit plan.
    mutating func output(_ item: ExitItem)
}

extension CaptureProgram {
    /// Largest single range that a description may ask for; a hostile length must not exhaust the recorder.
    @usableFromInline static let lengthLimit = 1 << 30

    public func run(_ arguments: SyscallArguments, on target: inout some CaptureTarget) {
        guard !steps.isEmpty else { return }
        let arguments = narrowArguments.lengths(arguments)
        // Memory of the steps that later steps point into; no description has more than eight pointers before its last.
        var kept = CaptureMemory()
        for index in steps.indices {
            let step = steps[index]
            let address: UInt64
            switch step.source {
            case .argument(let argument): address = arguments[argument]
            case .field(let parent, let offset): address = kept[parent].word(at: offset)
            }
            guard address != 0 else { continue }
            if let condition = step.condition {
                let value: UInt64 =
                    switch condition.value {
                    case .argument(let argument, _): arguments[argument]
                    case .field(let parent, let offset, let size, _, _): kept[parent].integer(at: offset, size: size)
                    default: 0
                    }
                guard value & condition.mask != 0 else { continue }
            }
            switch step.operation {
            case .cstring(let limit): target.inputString(address, limit: limit)
            case .strings: target.strings(address)
            case .bytes(let length):
                if step.direction == .input {
                    let count = entryLength(length, arguments, kept, &target)
                    let bytes =
                        count > 0
                        ? target.input(address, length: count, isPayload: step.isPayload) : .init(start: nil, count: 0)
                    kept[index] = bytes
                } else {
                    var item = exitItem(address, length, arguments, kept, &target)
                    item.isAlways = step.isAlways
                    item.isPayload = step.isPayload
                    if item.limit > 0 { target.output(item) }
                }
            case .iovecs(let count, let data):
                var skip: UInt64 = 0
                target.iovecs(
                    address,
                    count: entryLength(count, arguments, kept, &target),
                    data,
                    skip: &skip
                )
            case .msghdr(let data): target.message(address, data, lengthAt: nil)
            case .mmsghdr(let count, let data):
                let messages = min(entryLength(count, arguments, kept, &target), 1024)
                guard messages > 0 else { continue }
                for message in 0..<messages {
                    let header = address &+ UInt64(message * 64)
                    target.message(header, data, lengthAt: header &+ 56)
                }
                // sendmmsg writes too: msg_len of each message that went. Headers of the others stay as they were.
                target.output(ExitItem(kind: .result, address: address, limit: UInt64(messages * 64), scale: 64))
            }
        }
    }

    private func entryLength(
        _ length: CaptureLength,
        _ arguments: SyscallArguments,
        _ kept: CaptureMemory,
        _ target: inout some CaptureTarget
    ) -> Int {
        switch length {
        case .fixed(let count): return count
        case .argument(let index, let scale): return clamp(arguments[index], scale)
        case .field(let step, let offset, let size, let isSigned, let scale):
            let value = kept[step].integer(at: offset, size: size)
            if isSigned, value >> UInt64(size * 8 - 1) == 1 { return 0 }
            return clamp(value, scale)
        case .result: return 0
        case .pointee(let index, let scale):
            guard arguments[index] != 0 else { return 0 }
            return clamp(target.input(arguments[index], length: 4, isPayload: false).integer(at: 0, size: 4), scale)
        // No process can have more descriptors than this (fs.nr_open's ceiling is far below in practice).
        case .bits(let index): return (min(clamp(arguments[index], 1), 1 << 20) + 63) / 64 * 8
        case .sum(let base, let extra):
            return min(entryLength(base, arguments, kept, &target) + extra, CaptureProgram.lengthLimit)
        case .minimum(let left, let right):
            // At entry the result is not known: the other bound holds.
            if case .result = right { return entryLength(left, arguments, kept, &target) }
            if case .result = left { return entryLength(right, arguments, kept, &target) }
            return min(
                entryLength(left, arguments, kept, &target),
                entryLength(right, arguments, kept, &target)
            )
        }
    }

    private func exitItem(
        _ address: UInt64,
        _ length: CaptureLength,
        _ arguments: SyscallArguments,
        _ kept: CaptureMemory,
        _ target: inout some CaptureTarget
    ) -> ExitItem {
        switch length {
        case .result(let scale):
            return ExitItem(
                kind: .result,
                address: address,
                limit: UInt64(CaptureProgram.lengthLimit),
                scale: UInt32(scale)
            )
        case .pointee(let index, let scale):
            // The kernel never writes more than the room announced at entry.
            let room = entryLength(length, arguments, kept, &target)
            return ExitItem(
                kind: .pointee,
                address: address,
                limit: UInt64(room),
                scale: UInt32(scale),
                lengthAddress: arguments[index]
            )
        case .sum(let base, let extra):
            var item = exitItem(address, base, arguments, kept, &target)
            item.limit += UInt64(extra)
            if item.kind != .fixed { item.extra += UInt64(extra) }
            return item
        case .minimum(let left, let right):
            var item = exitItem(address, right, arguments, kept, &target)
            let other = exitItem(address, left, arguments, kept, &target)
            if item.kind == .fixed { swapBound(&item, other) } else { item.limit = min(item.limit, other.limit) }
            return item
        default:
            return ExitItem(
                kind: .fixed,
                address: address,
                limit: UInt64(entryLength(length, arguments, kept, &target))
            )
        }
    }

    private func swapBound(_ item: inout ExitItem, _ other: ExitItem) {
        let bound = item.limit
        item = other
        item.limit = min(item.limit, bound)
    }

    private func clamp(_ value: UInt64, _ scale: Int) -> Int {
        let limit = UInt64(CaptureProgram.lengthLimit)
        return Int(min(value, limit) &* UInt64(scale) > limit ? limit : min(value, limit) &* UInt64(scale))
    }
}

/// The memory that earlier steps of one run copied.
private struct CaptureMemory {
    private var slots: [16 of UnsafeRawBufferPointer] = .init(repeating: .init(start: nil, count: 0))

    subscript(step: Int) -> UnsafeRawBufferPointer {
        get { step < 16 ? slots[step] : .init(start: nil, count: 0) }
        set { if step < 16 { slots[step] = newValue } }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func word(at offset: Int) -> UInt64 { integer(at: offset, size: 8) }

    /// A little-endian integer of 1 to 8 bytes; 0 when out of range.
    fileprivate func integer(at offset: Int, size: Int) -> UInt64 {
        guard offset >= 0, size <= 8, offset + size <= count else { return 0 }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(self[offset + index]) << UInt64(index * 8) }
        return value
    }
}

extension CaptureTarget {
    /// NULL-ended array of string pointers, at most 16384 of them.
    fileprivate mutating func strings(_ address: UInt64) {
        let batch = 64
        var position = address
        for _ in 0..<256 {
            // Up to the end of the page at a time: the array may end just before an unmapped page.
            let room = Int(4096 - position % 4096) / 8
            let count = max(1, min(batch, room))
            let pointers = input(position, length: count * 8, isPayload: false)
            for index in 0..<count {
                let pointer = pointers.word(at: index * 8)
                if pointer == 0 { return }
                inputString(pointer, limit: 131072)
            }
            position = position &+ UInt64(count * 8)
        }
    }

    /// The array of `{base, length}` pairs and their buffers. `skip` counts the bytes of earlier buffers.
    fileprivate mutating func iovecs(
        _ address: UInt64,
        count: Int,
        _ data: Direction,
        skip: inout UInt64,
        lengthAt: UInt64? = nil
    ) {
        guard count > 0, count <= 1024 else { return }
        let pairs = input(address, length: count * 16, isPayload: false)
        for index in 0..<count where index * 16 + 16 <= pairs.count {
            let base = pairs.word(at: index * 16)
            let length = Swift.min(pairs.word(at: index * 16 + 8), UInt64(CaptureProgram.lengthLimit))
            guard length > 0 else { continue }
            if data != .output { _ = input(base, length: Int(length), isPayload: true) }
            if data != .input {
                output(
                    ExitItem(
                        kind: lengthAt == nil ? .result : .pointee,
                        address: base,
                        limit: length,
                        skip: skip,
                        lengthAddress: lengthAt ?? 0,
                        isPayload: true
                    )
                )
            }
            skip += length
        }
    }

    /// A `struct msghdr` with everything it points to. `lengthAt` is `msg_len` of a `struct mmsghdr`.
    fileprivate mutating func message(_ address: UInt64, _ data: Direction, lengthAt: UInt64?) {
        let header = input(address, length: 56, isPayload: false)
        guard header.count == 56 else { return }
        let (name, nameLength) = (header.word(at: 0), header.integer(at: 8, size: 4))
        let (vectors, vectorCount) = (header.word(at: 16), header.word(at: 24))
        let (control, controlLength) = (header.word(at: 32), header.word(at: 40))
        if data != .output {
            if name != 0, nameLength > 0, nameLength <= 4096 {
                _ = input(name, length: Int(nameLength), isPayload: false)
            }
            if control != 0, controlLength > 0, controlLength <= 65536 {
                _ = input(control, length: Int(controlLength), isPayload: false)
            }
        }
        if data != .input {
            if lengthAt == nil { output(ExitItem(kind: .fixed, address: address, limit: 56)) }
            if name != 0, nameLength > 0 {
                output(
                    ExitItem(
                        kind: .pointee,
                        address: name,
                        limit: Swift.min(nameLength, 4096),
                        lengthAddress: address &+ 8
                    )
                )
            }
            if control != 0, controlLength > 0 {
                output(
                    ExitItem(
                        kind: .pointee,
                        address: control,
                        limit: Swift.min(controlLength, 65536),
                        lengthAddress: address &+ 40
                    )
                )
            }
        }
        var skip: UInt64 = 0
        iovecs(
            vectors,
            count: Int(Swift.min(vectorCount, 1025)),
            data,
            skip: &skip,
            lengthAt: lengthAt
        )
    }
}
