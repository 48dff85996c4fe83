// In-process calls: straight to the log when nothing came between, else held until their place is known.
import LinuxABI
import TraceLog

extension RecordingState {
    /// Calls that may wait for one that a handler interrupted; it is then taken for left by a jump. Whole buffers wait, so
    /// their bytes are bounded too.
    static var heldCallLimit: Int { 4096 }
    static var heldByteLimit: Int { 32 << 20 }

    /// A call whose entry and exit stand together: the way nearly all calls go. Times are CLOCK_MONOTONIC.
    ///
    /// - Returns: whether the records made sense.
    @inline(__always)
    mutating func inProcess(
        _ task: Task,
        _ entry: AgentRecord,
        _ exit: AgentRecord,
        entered: UInt64,
        left: UInt64
    ) throws(TraceError) -> Bool {
        let index = callsEntered
        callsEntered += 1
        callsWritten += 1
        inProcessCalls += 1
        let arguments = entry.arguments
        let result = exit.result
        if let noting, let late = task.late {
            let call = LateCall(number: entry.number, arguments: arguments, result: result)
            if noting.paths.fastCall(call, of: late, memory: AgentMemory(entry: entry, exit: exit)) {
                try writeLatePaths(noting, beforeCall: index)
            }
        }
        let entryTime = max(since(entered), task.lastExit)
        let exitTime = max(since(left), entryTime)
        task.lastExit = exitTime
        sink.beginCall(
            index: index,
            task: task.id,
            number: entry.number,
            architecture: .x86_64,
            arguments: arguments
        )
        var isSound = true
        let before = entry.chunks
        if !before.isEmpty { isSound = add(before, .input) }
        let after = exit.chunks
        if !after.isEmpty { isSound = add(after, .input) && add(after, .output) && isSound }
        try sink.endCall(
            result: result,
            entryTime: entryTime,
            exitTime: exitTime,
            flags: entry.flags.union(exit.flags)
        )
        return isSound
    }

    private mutating func add(_ chunks: AgentChunks, _ direction: MemoryRecord.Direction) -> Bool {
        var chunks = chunks
        while let chunk = chunks.take() {
            guard chunk.direction == UInt64(direction.rawValue) else { continue }
            sink.addMemory(
                direction,
                address: chunk.address,
                length: chunk.length,
                bytes: chunk.bytes,
                hash: .zero
            )
        }
        return !chunks.isBroken
    }

    // MARK: - Calls under way

    /// An entry whose exit is not there yet, or not next.
    mutating func opened(_ task: Task, _ entry: AgentRecord, time: UInt64) throws(TraceError) -> Bool {
        let call = spareCall()
        call.isActive = true
        call.sequence = UInt64(entry.sequence)
        call.index = callsEntered
        call.number = entry.number
        call.architecture = .x86_64
        call.arguments = entry.arguments
        call.entryTime = since(time)
        call.flags = entry.flags
        callsEntered += 1
        let isSound = call.add(entry.chunks, .input)
        task.open.append(OpenCall(call: call))
        try limitHeld(task)
        return isSound
    }

    /// The exit of an open call. Calls that were opened after it were left by jumps.
    ///
    /// - Returns: nil if no such call is open, else whether the record made sense.
    mutating func closed(_ task: Task, _ exit: AgentRecord, time: UInt64) throws(TraceError) -> Bool? {
        guard let position = task.open.lastIndex(where: { $0.call.sequence == UInt64(exit.sequence) }) else {
            return nil
        }
        let call = task.open[position].call
        let isSound = call.add(exit.chunks, .input) && call.add(exit.chunks, .output)
        call.flags.formUnion(exit.flags)
        try close(task, position, result: exit.result, exitTime: since(time), flags: call.flags)
        return isSound
    }

    /// The agent found that the exit of a call was left unfinished by a handler that jumped away.
    mutating func left(_ task: Task, sequence: UInt32) throws(TraceError) {
        guard let position = task.open.lastIndex(where: { $0.call.sequence == UInt64(sequence) }) else { return }
        let call = task.open[position].call
        try close(task, position, result: 0, exitTime: call.entryTime, flags: call.flags.union(.interrupted))
    }

    private mutating func close(
        _ task: Task,
        _ position: Int,
        result: Int64,
        exitTime: UInt64,
        flags: CallFlags
    ) throws(TraceError) {
        let frame = task.open[position]
        var own = HeldCall(call: frame.call, result: result, exitTime: exitTime, flags: flags, isInProcess: true)
        if position == task.open.count - 1, frame.held.isEmpty {
            task.open.removeLast()
            return try place(task, own)
        }
        var inner = frame.held
        for other in task.open[(position + 1)...] { inner += flattened(other, .interrupted) }
        task.open.removeSubrange(position...)
        recount(task)
        if inner.isEmpty { return try place(task, own) }

        // A handler ran. A call that does not wait, or that ended with -EINTR and the like, was over before; so was one
        // that returned before the handler's first call. Any other was interrupted, and made again by the kernel.
        let isOver =
            InterruptedResult.contains(result) || flags.contains(.interrupted) || !CallNumber.waits(frame.call.number)
        let split = isOver ? 0 : inner.firstIndex { $0.call.entryTime > exitTime } ?? inner.count
        if split > 0 {
            let again = spareCall()
            again.repeats(own.call)
            again.entryTime = max(own.call.entryTime, inner[split - 1].exitTime)
            inner.insert(
                HeldCall(call: again, result: result, exitTime: exitTime, flags: flags, isInProcess: true),
                at: split
            )
            number(again, before: inner[(split + 1)...])
            task.callsMade &+= 1
            own.result = InterruptedResult.restart
            own.call.dropOutput()
        }
        own.exitTime = min(own.exitTime, inner[0].call.entryTime)
        inner.insert(own, at: 0)
        for call in inner { try place(task, call) }
    }

    /// Gives a call an index that comes before those of some that entered already.
    private mutating func number(_ call: PendingCall, before later: ArraySlice<HeldCall>) {
        call.index = callsEntered
        callsEntered += 1
        for other in later.reversed() { swap(&call.index, &other.call.index) }
    }

    /// Writes a call that is over, or adds it to those that wait for the open one around it.
    mutating func place(_ task: Task, _ held: HeldCall) throws(TraceError) {
        held.call.isActive = false
        guard !task.open.isEmpty else {
            try emit(task, held)
            return recycle(held.call)
        }
        task.open[task.open.count - 1].held.append(held)
        task.heldCalls += 1
        task.heldBytes += held.call.bytes.count
        try limitHeld(task)
    }

    /// The outermost open calls are given up while too much waits for them.
    private mutating func limitHeld(_ task: Task) throws(TraceError) {
        while task.heldCalls + task.open.count > Self.heldCallLimit || task.heldBytes > Self.heldByteLimit,
            !task.open.isEmpty
        {
            let given = flattened(task.open.removeFirst(), .interrupted)
            recount(task)
            for call in given {
                try emit(task, call)
                recycle(call.call)
            }
        }
    }

    private func recount(_ task: Task) {
        task.heldCalls = task.open.reduce(0) { $0 + $1.held.count }
        task.heldBytes = task.open.reduce(0) { $0 + $1.held.reduce(0) { $0 + $1.call.bytes.count } }
    }

    /// An open call that will not return, then what was held for it.
    private func flattened(_ frame: OpenCall, _ flag: CallFlags) -> [HeldCall] {
        frame.call.isActive = false
        let own = HeldCall(
            call: frame.call,
            result: 0,
            exitTime: frame.call.entryTime,
            flags: frame.call.flags.union(flag),
            isInProcess: true
        )
        return [own] + frame.held
    }

    /// Nothing of the task's program runs any more: writes its open calls. What a handler interrupted was left by it; the
    /// innermost, with no call after it, just did not finish.
    mutating func unwind(_ task: Task) throws(TraceError) {
        guard !task.open.isEmpty else { return }
        let frames = task.open
        task.open = []
        recount(task)
        for (depth, frame) in frames.enumerated() {
            let isLast = depth == frames.count - 1 && frame.held.isEmpty && !task.call.isActive
            for call in flattened(frame, isLast ? .unfinished : .interrupted) {
                try emit(task, call)
                recycle(call.call)
            }
        }
    }
}

/// -EINTR and ERESTARTSYS … ERESTART_RESTARTBLOCK: a signal ended the call.
enum InterruptedResult {
    /// -ERESTARTSYS: what the kernel returned inside before it made the call again.
    static let restart: Int64 = -512
    static func contains(_ result: Int64) -> Bool { result == -4 || (-516 ... -512).contains(result) }
}

extension PendingCall {
    /// Copies what a record holds of one direction.
    fileprivate func add(_ chunks: AgentChunks, _ direction: MemoryRecord.Direction) -> Bool {
        var chunks = chunks
        while let chunk = chunks.take() {
            guard chunk.direction == UInt64(direction.rawValue) else { continue }
            add(direction, address: chunk.address, length: chunk.length, bytes: chunk.bytes)
        }
        return !chunks.isBroken
    }
}
