// The bounded queue between the capture loop and the thread that encodes, compresses and writes.
import Glibc

/// How hard to compress, by how much waits: an idle pipeline makes small logs, a full one keeps up.
struct Effort {
    /// The level while there is time.
    var level: Int32
    var keepsLevel = false

    /// `backlog` is the share of the queue that is full, 0 to 1.
    func level(backlog: Double) -> Int32 {
        if keepsLevel { return level }
        return switch backlog {
        case ..<0.05: level
        case ..<0.35: min(level, 3)
        case ..<0.5: min(level, 1)
        case ..<0.65: min(level, -2)
        case ..<0.8: min(level, -6)
        default: min(level, -50)
        }
    }
}

/// Owns the encoder thread. State below `mutex` is shared; `encoder` and `output` belong to whoever runs the
/// encoder thread's loop, or to the caller while the queue is drained.
final class WriterPipeline: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let output: LogOutput
    private let encoder: BlockEncoder
    private let effort: Effort
    private let capacity: Int

    private var queue: [Batch] = []
    /// Memory of the batches in `queue`, in bytes.
    private var queued = 0
    private var recycled: [Batch] = []
    private var isBusy = false
    private var isStopping = false
    private var failure: TraceError?
    private var written: UInt64 = 0
    private var thread: pthread_t?

    init(output: LogOutput, encoder: BlockEncoder, options: TraceWriter.Options) throws(TraceError) {
        self.output = output
        self.encoder = encoder
        effort = Effort(level: options.level, keepsLevel: options.keepsLevel)
        capacity = options.queueBytes
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<WriterPipeline>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        guard code == 0 else {
            Unmanaged.passUnretained(self).release()
            throw TraceError(
                .ioError,
                file: output.name,
                message: "no thread for the log writer: \(errorText(code)); raise RLIMIT_NPROC",
                errno: code
            )
        }
        self.thread = thread
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    private func locked<T>(_ body: () -> T) -> T {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    var bytesWritten: UInt64 { locked { written } }

    func check() throws(TraceError) {
        if let failure = locked({ failure }) { throw failure }
    }

    /// Queues a batch, waiting for room, and returns an empty one.
    func exchange(_ batch: Batch) throws(TraceError) -> Batch {
        pthread_mutex_lock(mutex)
        let size = batch.footprint
        while queued > 0, queued + size > capacity, failure == nil { pthread_cond_wait(changed, mutex) }
        let problem = failure
        if problem == nil {
            queue.append(batch)
            queued += size
        }
        let next = recycled.popLast()
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        if let problem { throw problem }
        return next ?? Batch()
    }

    /// Waits until the encoder thread has nothing left to do.
    func drain() throws(TraceError) {
        let problem = locked { () -> TraceError? in
            while !queue.isEmpty || isBusy { pthread_cond_wait(changed, mutex) }
            return failure
        }
        if let problem { throw problem }
    }

    /// Writes a metadata block after everything queued.
    func writeMetadata(_ type: BlockType, _ json: [UInt8]) throws(TraceError) {
        try drain()
        encoder.level = effort.level
        try write(encoder.metadata(type, json))
    }

    func finish(_ trailer: TraceTrailer) throws(TraceError) {
        locked { while !queue.isEmpty || isBusy { pthread_cond_wait(changed, mutex) } }
        encoder.level = effort.level
        try write(encoder.trailer(trailer, at: output.end))
    }

    private func write(_ blocks: ByteSink) throws(TraceError) {
        do { try output.write(blocks.bytes) } catch {
            locked { failure = failure ?? error }
            throw error
        }
        locked { written = output.end }
    }

    /// Ends the thread after it has written what is queued.
    func shutDown() {
        locked {
            isStopping = true
            pthread_cond_broadcast(changed)
        }
        if let thread { pthread_join(thread, nil) }
        thread = nil
    }

    private func run() {
        while let (batch, backlog) = nextBatch() {
            encoder.level = effort.level(backlog: max(backlog, batch.pressure))
            var problem: TraceError?
            do { try output.write(encoder.events(batch, at: output.end).bytes) } catch { problem = error }
            batch.clear()
            locked {
                isBusy = false
                written = output.end
                // Enough for steady use; what a burst took is given back.
                if recycled.count < 3 { recycled.append(batch) }
                if let problem {
                    failure = failure ?? problem
                    queue.removeAll()
                    queued = 0
                }
                pthread_cond_broadcast(changed)
            }
        }
    }

    /// The oldest batch, and what share of the queue waits behind it.
    private func nextBatch() -> (Batch, Double)? {
        locked {
            while queue.isEmpty, !isStopping { pthread_cond_wait(changed, mutex) }
            guard !queue.isEmpty else { return nil }
            isBusy = true
            let batch = queue.removeFirst()
            queued -= batch.footprint
            pthread_cond_broadcast(changed)
            return (batch, Double(queued) / Double(max(capacity, 1)))
        }
    }
}
