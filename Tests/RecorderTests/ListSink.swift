// Finished records as lists.
import LinuxABI
import TraceLog

@testable import Recorder

/// Collects what becomes final.
struct ListSink: RecordSink {
    var calls: [CallRecord] = []
    var tasks: [TaskRecord] = []
    var signals: [SignalRecord] = []
    var paths: [PathRecord] = []
    private var open = CallRecord(index: 0, task: TaskID(0), number: 0)

    mutating func beginCall(
        index: UInt64,
        task: TaskID,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments
    ) {
        open = CallRecord(index: index, task: task, number: number, architecture: architecture, arguments: arguments)
    }
    mutating func addMemory(
        _ direction: MemoryRecord.Direction,
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        hash: ContentHash
    ) {
        open.chunks.append(MemoryRecord(direction, address: address, bytes: Array(bytes), length: length, hash: hash))
    }
    mutating func endCall(result: Int64, entryTime: UInt64, exitTime: UInt64, flags: CallFlags) {
        open.result = result
        open.entryTime = entryTime
        open.exitTime = exitTime
        open.flags = flags
        calls.append(open)
    }
    mutating func append(_ record: TaskRecord) { tasks.append(record) }
    mutating func append(_ record: SignalRecord) { signals.append(record) }
    mutating func append(_ record: PathRecord) { paths.append(record) }
}
