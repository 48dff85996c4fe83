// Notified calls: entries paired with returns.
import LinuxABI
import TraceLog

extension RecordingState {
    /// Input memory of the call whose `entered` follows.
    mutating func input(
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        hash: ContentHash,
        owner: UInt32
    ) {
        incoming.add(.input, address: address, length: length, bytes: bytes, hash: hash, owner: owner)
    }

    mutating func entered(
        tid: Int32,
        sequence: UInt64,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments,
        flags: CallFlags,
        time: UInt64
    ) throws(TraceError) {
        let task = try task(tid, time: time)
        if task.call.isActive {
            note("results lost")
            try abandon(task, flags: .resultLost)
        }
        try announceExecution(task, auxv: [])
        let call = task.swapCall(&incoming)
        incoming.clear()
        call.isActive = true
        call.sequence = sequence
        call.index = callsEntered
        call.number = number
        call.architecture = architecture
        call.arguments = arguments.described(number, architecture)
        call.entryTime = since(time)
        latestEntry = max(latestEntry, call.entryTime)
        call.flags = flags
        callsEntered += 1
        task.callsMade += 1
        if architecture == .x86_64 {
            switch number {
            case CallNumber.execve: maskEnvironment(call, at: arguments[2])
            case CallNumber.execveat: maskEnvironment(call, at: arguments[3])
            case CallNumber.exit: task.exitCode = Int32(truncatingIfNeeded: arguments[0])
            case CallNumber.exitGroup:
                task.process.status = task.process.status ?? (Int32(truncatingIfNeeded: arguments[0]) & 0xff) << 8
            default: break
            }
        }
    }

    /// Output memory of the call that `returned` will complete.
    mutating func output(
        tid: Int32,
        sequence: UInt64,
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        isFault: Bool,
        owner: UInt32
    ) {
        guard let task = tasks[tid], task.call.isActive, task.call.sequence == sequence else { return }
        if isFault {
            task.call.flags.insert(.outputFault)
        } else {
            task.call.add(.output, address: address, length: length, bytes: bytes, owner: owner)
        }
    }

    mutating func returned(tid: Int32, sequence: UInt64, result: Int64, time: UInt64) throws(TraceError) {
        guard let task = tasks[tid], task.call.isActive, task.call.sequence == sequence else {
            note("returns without an entry")
            return
        }
        let call = task.call
        if result == 0, call.architecture == .x86_64,
            call.number == CallNumber.execve || call.number == CallNumber.execveat
        {
            // What was interrupted in the old program will not return.
            try unwind(task)
            rememberExecution(task, time: time)
        }
        try write(task, result: result, exitTime: since(time), flags: call.flags)
    }

    /// A call without a notification: the workload's own filter denied it, or (with a result) the filter of an OCI
    /// runtime let it pass, in which case its memory was not seen.
    mutating func denied(
        tid: Int32,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments,
        result: Int64,
        time: UInt64
    ) throws(TraceError) {
        // A thread that is killed before its call was answered leaves it so; the supervisor may have noted it already.
        if let task = tasks[tid], task.call.isActive, task.call.number == number,
            task.call.architecture == architecture,
            task.call.arguments == arguments.described(number, architecture)
        {
            return try returned(tid: tid, sequence: task.call.sequence, result: result, time: time)
        }
        // What is there belongs to the call whose entry comes next.
        var other = spareCall()
        swap(&incoming, &other)
        try entered(
            tid: tid,
            sequence: UInt64.max,
            number: number,
            architecture: architecture,
            arguments: arguments,
            flags: result < 0 ? .denied : .opaque,
            time: time
        )
        swap(&incoming, &other)
        recycle(other)
        try returned(tid: tid, sequence: UInt64.max, result: result, time: time)
    }

    /// Writes the notified call that did not return.
    mutating func abandon(_ task: Task, flags: CallFlags) throws(TraceError) {
        guard task.call.isActive else { return }
        try write(task, result: 0, exitTime: task.call.entryTime, flags: task.call.flags.union(flags))
    }

    /// Writes the notified call, or has it wait for the in-process call that its handler interrupted.
    private mutating func write(
        _ task: Task,
        result: Int64,
        exitTime: UInt64,
        flags: CallFlags
    ) throws(TraceError) {
        if task.waiting.isEmpty {
            let call = WaitingCall(
                call: task.call,
                result: result,
                exitTime: exitTime,
                flags: flags,
                isInProcess: false
            )
            try emit(task, call)
            task.call.clear()
        } else {
            var fresh = spareCall()
            _ = task.swapCall(&fresh)
            fresh.isActive = false
            try place(
                task,
                WaitingCall(call: fresh, result: result, exitTime: exitTime, flags: flags, isInProcess: false)
            )
        }
    }

    /// Hands a call to the log. Within a task this is the order of the log.
    mutating func emit(_ task: Task, _ held: WaitingCall) throws(TraceError) {
        let call = held.call
        if let noting, let late = task.late, call.architecture == .x86_64 {
            let isKnown = held.flags.isDisjoint(with: .withoutResult)
            let said = LateCall(
                number: call.number,
                arguments: call.arguments,
                result: isKnown ? held.result : LateCall.noResult
            )
            if !held.isInProcess {
                noting.paths.lockStepCall(said, of: late, memory: call)
            } else if noting.paths.fastCall(said, of: late, memory: call) {
                try writeLatePaths(noting, beforeCall: call.index)
            }
        }
        let entryTime = max(call.entryTime, task.lastExit)
        let exitTime = max(held.exitTime, entryTime)
        task.lastExit = exitTime
        callsWritten += 1
        if held.isInProcess { inProcessCalls += 1 }
        sink.beginCall(
            index: call.index,
            task: task.id,
            number: call.number,
            architecture: call.architecture,
            arguments: call.arguments
        )
        for chunk in call.chunks {
            call.withBytes(of: chunk) {
                sink.addMemory(
                    chunk.direction,
                    address: chunk.address,
                    length: chunk.length,
                    bytes: $0,
                    hash: chunk.hash
                )
            }
        }
        try sink.endCall(result: held.result, entryTime: entryTime, exitTime: exitTime, flags: held.flags)
    }

    /// What `LatePaths` made of the call that is written next.
    mutating func writeLatePaths(_ noting: PathNoting, beforeCall index: UInt64) throws(TraceError) {
        for var record in noting.paths.takeRecords() {
            record.beforeCall = index
            try sink.append(record)
        }
    }
}
