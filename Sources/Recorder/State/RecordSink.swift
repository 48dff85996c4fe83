// Where finished records go: the log, or a list in tests.
import LinuxABI
import TraceLog

/// Takes finished records in the order in which they became final.
protocol RecordSink {
    mutating func beginCall(
        index: UInt64,
        task: TaskID,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments
    )
    mutating func addMemory(
        _ direction: MemoryRecord.Direction,
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        hash: ContentHash
    )
    mutating func endCall(result: Int64, entryTime: UInt64, exitTime: UInt64, flags: CallFlags) throws(TraceError)
    mutating func append(_ record: TaskRecord) throws(TraceError)
    mutating func append(_ record: SignalRecord) throws(TraceError)
    mutating func append(_ record: PathRecord) throws(TraceError)
}

/// The log as a sink.
struct LogSink: RecordSink {
    let writer: TraceWriter

    mutating func beginCall(
        index: UInt64,
        task: TaskID,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments
    ) {
        writer.beginCall(index: index, task: task, number: number, architecture: architecture, arguments: arguments)
    }
    mutating func addMemory(
        _ direction: MemoryRecord.Direction,
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        hash: ContentHash
    ) {
        writer.addMemory(direction, address: address, length: length, bytes: bytes, hash: hash)
    }
    mutating func endCall(result: Int64, entryTime: UInt64, exitTime: UInt64, flags: CallFlags) throws(TraceError) {
        try writer.endCall(result: result, entryTime: entryTime, exitTime: exitTime, flags: flags)
    }
    mutating func append(_ record: TaskRecord) throws(TraceError) { try writer.append(record) }
    mutating func append(_ record: SignalRecord) throws(TraceError) { try writer.append(record) }
    mutating func append(_ record: PathRecord) throws(TraceError) { try writer.append(record) }
}
