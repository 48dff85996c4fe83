// Where the columns of a block begin: each call is read without counting references to every column.
import LinuxABI
import TraceLog

/// The columns of a batch that lives as long, and does not change: a constant of a ``CallBlock``.
struct CallColumns: @unchecked Sendable {
    let indexes: UnsafeBufferPointer<UInt64>
    let tasks: UnsafeBufferPointer<UInt32>
    let flags: UnsafeBufferPointer<UInt16>
    let entryTimes: UnsafeBufferPointer<UInt64>
    let exitTimes: UnsafeBufferPointer<UInt64>
    private let numbers: UnsafeBufferPointer<UInt32>
    private let architectures: UnsafeBufferPointer<UInt8>
    private let arguments: UnsafeBufferPointer<UInt64>
    private let results: UnsafeBufferPointer<Int64>
    private let firstChunks: UnsafeBufferPointer<UInt32>
    private let chunkCounts: UnsafeBufferPointer<UInt32>
    private let chunkKinds: UnsafeBufferPointer<UInt8>
    private let chunkAddresses: UnsafeBufferPointer<UInt64>
    private let chunkLengths: UnsafeBufferPointer<UInt64>
    private let chunkPayloads: UnsafeBufferPointer<Int>
    /// Some output was cut, and has hashes.
    let hasHashes: Bool

    init(_ batch: EventBatch) {
        indexes = batch.indexes.withUnsafeBufferPointer { $0 }
        tasks = batch.tasks.withUnsafeBufferPointer { $0 }
        flags = batch.flags.withUnsafeBufferPointer { $0 }
        entryTimes = batch.entryTimes.withUnsafeBufferPointer { $0 }
        exitTimes = batch.exitTimes.withUnsafeBufferPointer { $0 }
        numbers = batch.numbers.withUnsafeBufferPointer { $0 }
        architectures = batch.architectures.withUnsafeBufferPointer { $0 }
        arguments = batch.arguments.withUnsafeBufferPointer { $0 }
        results = batch.results.withUnsafeBufferPointer { $0 }
        firstChunks = batch.firstChunks.withUnsafeBufferPointer { $0 }
        chunkCounts = batch.chunkCounts.withUnsafeBufferPointer { $0 }
        chunkKinds = batch.chunkKinds.withUnsafeBufferPointer { $0 }
        chunkAddresses = batch.chunkAddresses.withUnsafeBufferPointer { $0 }
        chunkLengths = batch.chunkLengths.withUnsafeBufferPointer { $0 }
        chunkPayloads = batch.chunkPayloads.withUnsafeBufferPointer { $0 }
        hasHashes = !batch.chunkHashes.isEmpty
    }

    /// The call in a row, without its memory.
    @inline(__always)
    private func head(_ row: Int) -> CallHead {
        let words = 6 * row
        return CallHead(
            index: indexes[row],
            task: TaskID(rawValue: tasks[row]),
            number: numbers[row],
            architecture: Architecture(rawValue: architectures[row]) ?? .x86_64,
            flags: CallFlags(rawValue: flags[row]),
            arguments: SyscallArguments(
                arguments[words],
                arguments[words + 1],
                arguments[words + 2],
                arguments[words + 3],
                arguments[words + 4],
                arguments[words + 5]
            ),
            result: results[row],
            entryTime: entryTimes[row],
            exitTime: exitTimes[row]
        )
    }

    /// The call in a row, with its memory.
    ///
    /// - Parameter used: a call that nobody else has, to make it of.
    @inline(__always)
    func recordedCall(_ row: Int, reusing used: RecordedCall?, _ bytes: (Int) -> [UInt8]) -> RecordedCall {
        let call: RecordedCall
        if let used {
            call = used
            call.begin(head(row))
        } else {
            call = RecordedCall(head(row))
        }
        let first = Int(firstChunks[row])
        let end = first + Int(chunkCounts[row])
        var chunk = first
        while chunk < end {
            let own = MemoryChunks.Chunk(
                address: chunkAddresses[chunk],
                bytes: bytes(chunkPayloads[chunk]),
                length: Int(chunkLengths[chunk])
            )
            if chunkKinds[chunk] & 1 == 0 {
                call.input.chunks.append(own)
            } else {
                call.output.chunks.append(own)
            }
            chunk += 1
        }
        return call
    }

    /// The number of the call in a row, and what its number means.
    func number(_ row: Int) -> (number: UInt32, architecture: Architecture) {
        (numbers[row], Architecture(rawValue: architectures[row]) ?? .x86_64)
    }

    func argument(_ position: Int, of row: Int) -> UInt64 { arguments[6 * row + position] }
    func result(_ row: Int) -> Int64 { results[row] }
}
