// In-process calls: straight to the log when nothing came between, else held until their place is known.
import LinuxABI
import TraceLog

extension RecordingState {
    /// Calls that may wait for one that a handler interrupted; it is then taken for left by a jump. Whole buffers wait, so
    /// their bytes are bounded too.
    static var waitingLimit: Int { 4096 }
    static var waitingByteLimit: Int { 32 << 20 }

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
        latestEntry = max(latestEntry, entryTime)
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
        latestEntry = max(latestEntry, call.entryTime)
        let isSound = call.add(entry.chunks, .input)
        task.waiting.append(
            WaitingCall(call: call, exitTime: call.entryTime, flags: call.flags, isInProcess: true, isOpen: true)
        )
        task.waitingBytes += call.bytes.count
        try limitWaiting(task)
        return isSound
    }

    /// The exit of an open call.
    ///
    /// - Returns: nil if no such call is open, else whether the record made sense.
    mutating func closed(_ task: Task, _ exit: AgentRecord, time: UInt64) throws(TraceError) -> Bool? {
        guard let position = open(task, exit.sequence) else {
            guard let last = task.lastGivenUp, UInt64(exit.sequence) <= last else { return nil }
            // The call says already that its result is not known.
            note("results that came after thousands of calls of a signal handler")
            return true
        }
        let call = task.waiting[position].call
        let before = call.bytes.count
        let isSound = call.add(exit.chunks, .input) && call.add(exit.chunks, .output)
        task.waitingBytes += call.bytes.count - before
        task.waiting[position].flags.formUnion(exit.flags)
        try close(task, position, result: exit.result, exitTime: since(time))
        return isSound
    }

    /// The agent found that the exit of a call was left unfinished by a handler that jumped away.
    mutating func left(_ task: Task, sequence: UInt32) throws(TraceError) {
        guard let position = open(task, sequence) else { return }
        task.waiting[position].flags.insert(.interrupted)
        try close(task, position, result: 0, exitTime: task.waiting[position].exitTime)
    }

    private func open(_ task: Task, _ sequence: UInt32) -> Int? {
        task.waiting.lastIndex { $0.isOpen && $0.call.sequence == UInt64(sequence) }
    }

    private mutating func close(
        _ task: Task,
        _ position: Int,
        result: Int64,
        exitTime: UInt64
    ) throws(TraceError) {
        task.waiting[position].isOpen = false
        task.waiting[position].result = result
        task.waiting[position].exitTime = exitTime
        // A handler may have run. A call that does not wait, or that ended with -EINTR and the like, was over before; so was
        // one that returned before the handler's first call. Any other was interrupted, and made again by the kernel.
        let call = task.waiting[position].call
        let isOver =
            Errno.isInterruption(result) || task.waiting[position].flags.contains(.interrupted)
            || !CallNumber.waits(call.number)
        let later = task.waiting[(position + 1)...]
        let place = isOver ? position + 1 : later.firstIndex { $0.call.entryTime > exitTime } ?? later.endIndex
        if place > position + 1 { repeatCall(task, position, at: place) }
        try writeFinished(task)
    }

    /// A call that was interrupted stands in the log twice: as it ended, and as it was made again.
    private mutating func repeatCall(_ task: Task, _ position: Int, at place: Int) {
        let again = spareCall()
        var own = task.waiting[position]
        again.repeats(own.call)
        let before = task.waiting[place - 1]
        again.entryTime = max(own.call.entryTime, before.isOpen ? before.call.entryTime : before.exitTime)
        number(again, before: task.waiting[place...])
        task.waiting.insert(
            WaitingCall(
                call: again,
                result: own.result,
                exitTime: own.exitTime,
                flags: own.flags,
                isInProcess: true
            ),
            at: place
        )
        task.callsMade &+= 1
        task.waitingBytes += again.bytes.count
        own.result = InterruptedResult.restart
        own.call.dropOutput()
        task.waiting[position] = own
        extend(task, from: place)
    }

    /// Gives a call an index that comes before those of some that entered already.
    private mutating func number(_ call: PendingCall, before later: ArraySlice<WaitingCall>) {
        call.index = callsEntered
        callsEntered += 1
        for other in later.reversed() { swap(&call.index, &other.call.index) }
    }

    /// The note of a return may come late. What others entered until then has lower indexes than the calls from there on
    /// have now, which must not seem to have been over before.
    private func extend(_ task: Task, from first: Int) {
        for position in first..<task.waiting.count where !task.waiting[position].isOpen {
            let next = position + 1 < task.waiting.count ? task.waiting[position + 1].call.entryTime : latestEntry
            task.waiting[position].exitTime = max(task.waiting[position].exitTime, next)
        }
    }

    /// Writes a call that is over, or has it wait for the open one before it.
    mutating func place(_ task: Task, _ call: WaitingCall) throws(TraceError) {
        task.waiting.append(call)
        task.waitingBytes += call.call.bytes.count
        try limitWaiting(task)
    }

    /// Writes what waits for nothing any more.
    private mutating func writeFinished(_ task: Task) throws(TraceError) {
        let count = task.waiting.firstIndex { $0.isOpen } ?? task.waiting.count
        guard count > 0 else { return }
        for position in 0..<count {
            var call = task.waiting[position]
            // A thread's calls do not overlap: what came next began when this one was over.
            if position + 1 < task.waiting.count {
                call.exitTime = min(call.exitTime, task.waiting[position + 1].call.entryTime)
            }
            task.waitingBytes -= call.call.bytes.count
            try emit(task, call)
            recycle(call.call)
        }
        task.waiting.removeFirst(count)
    }

    /// The first open calls are given up while too much waits for them.
    private mutating func limitWaiting(_ task: Task) throws(TraceError) {
        while task.waiting.count > Self.waitingLimit || task.waitingBytes > Self.waitingByteLimit,
            task.waiting.count > 1
        {
            task.lastGivenUp = max(task.lastGivenUp ?? 0, task.waiting[0].call.sequence)
            giveUp(task, 0, .interrupted)
            try writeFinished(task)
        }
    }

    private func giveUp(_ task: Task, _ position: Int, _ flag: CallFlags) {
        task.waiting[position].isOpen = false
        task.waiting[position].flags.insert(flag)
    }

    /// Nothing of the task's program runs any more: writes its open calls. What a handler interrupted was left by it; the
    /// last one, with no call after it, just did not finish.
    mutating func unwind(_ task: Task) throws(TraceError) {
        guard !task.waiting.isEmpty else { return }
        for position in task.waiting.indices where task.waiting[position].isOpen {
            let isLast = position == task.waiting.count - 1 && !task.call.isActive
            giveUp(task, position, isLast ? .unfinished : .interrupted)
        }
        try writeFinished(task)
    }
}

enum InterruptedResult {
    /// -ERESTARTSYS: what the kernel returned inside before it made the call again.
    static let restart: Int64 = -512
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
