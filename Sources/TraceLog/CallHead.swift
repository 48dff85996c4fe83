// What a call is without its memory: plain data, handed about freely.
public import LinuxABI

/// A call without its memory.
public struct CallHead: Sendable {
    public var index: UInt64
    public var task: TaskID
    public var number: UInt32
    public var architecture: Architecture
    public var flags: CallFlags
    public var arguments: SyscallArguments
    /// As in a ``CallRecord``.
    public var result: Int64
    /// Nanoseconds since `TraceHeader.startMonotonic`.
    public var entryTime: UInt64
    /// Nanoseconds since `TraceHeader.startMonotonic`.
    public var exitTime: UInt64

    @inlinable
    public init(
        index: UInt64,
        task: TaskID,
        number: UInt32,
        architecture: Architecture,
        flags: CallFlags,
        arguments: SyscallArguments,
        result: Int64,
        entryTime: UInt64,
        exitTime: UInt64
    ) {
        self.index = index
        self.task = task
        self.number = number
        self.architecture = architecture
        self.flags = flags
        self.arguments = arguments
        self.result = result
        self.entryTime = entryTime
        self.exitTime = exitTime
    }
}

extension CallRecord {
    public init(_ head: CallHead, chunks: [MemoryRecord] = []) {
        self.init(
            index: head.index,
            task: head.task,
            number: head.number,
            architecture: head.architecture,
            arguments: head.arguments,
            result: head.result,
            entryTime: head.entryTime,
            exitTime: head.exitTime,
            flags: head.flags,
            chunks: chunks
        )
    }
}
