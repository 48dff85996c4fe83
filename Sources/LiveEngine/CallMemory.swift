// Which memory a call writes, by its description: the capture program that recorded it says what to read back.
import LinuxABI

/// Follows a call's pointers through the input memory that came with it.
struct CallMemory: CaptureTarget {
    private let memory: MemoryChunks
    private(set) var outputs: [ExitItem] = []
    private var kept: [UnsafeMutableRawBufferPointer] = []

    /// The output ranges of a call.
    static func outputs(of variant: Variant, _ arguments: SyscallArguments, _ memory: MemoryChunks) -> [ExitItem] {
        guard variant.capture.hasOutput else { return [] }
        var target = CallMemory(memory)
        variant.capture.run(arguments, on: &target)
        for buffer in target.kept { buffer.deallocate() }
        return target.outputs
    }

    private init(_ memory: MemoryChunks) { self.memory = memory }

    mutating func input(_ address: UInt64, length: Int, isPayload: Bool) -> UnsafeRawBufferPointer {
        // Nothing points from payload.
        if isPayload { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let bytes: [UInt8]
        switch memory.read(address, count: length) {
        case .bytes(let all): bytes = all
        case .cut(let some, _): bytes = some
        case .absent: return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
        buffer.copyBytes(from: bytes)
        kept.append(buffer)
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<bytes.count])
    }

    mutating func inputString(_ address: UInt64, limit: Int) {}

    mutating func output(_ item: ExitItem) {
        var item = item
        // A length that only the result bounds: more than this no call of a recording has returned.
        item.limit = min(item.limit, 1 << 22)
        outputs.append(item)
    }
}
