// A completed call as the log thread hands it to LatePaths.
import LinuxABI
import TraceLog

/// A completed x86-64 call.
struct LateCall {
    var number: UInt32
    var arguments: SyscallArguments
    var result: Int64

    /// The result of a call that did not return, or of which it is not known what it returned.
    static let noResult = Int64.min
}

/// The memory that was captured of a call.
protocol CallMemory {
    /// Gives the bytes captured at exactly `address`; nil if there are none.
    func withMemory<R>(
        _ direction: MemoryRecord.Direction,
        at address: UInt64,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R?
}

extension PendingCall: CallMemory {
    func withMemory<R>(
        _ direction: MemoryRecord.Direction,
        at address: UInt64,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R? {
        for chunk in chunks where chunk.address == address && chunk.direction == direction {
            return withBytes(of: chunk, body)
        }
        return nil
    }
}
