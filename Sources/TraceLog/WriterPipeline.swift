// The bounded queue between the capture loop and the thread that encodes, compresses and writes.
import Glibc

/// Owns the encoder thread. State below `mutex` is shared; `encoder` and `output` belong to whoever runs the
/// encoder thread's loop, or to the caller while the queue is drained.
final class WriterPipeline: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let output: LogOutput
    private let encoder: BlockEncoder
    private let depth: Int

    private var queue: [Batch] = []
    private var recycled: [Batch] = []
    private var isBusy = false
    private var isStopping = false
    private var failure: TraceError?
    private var written: UInt64 = 0
    private var thread: pthread_t?

    init(output: LogOutput, encoder: BlockEncoder, depth: Int) throws(TraceError) {
        self.output = output
        self.encoder = encoder
        self.depth = max(depth, 1)
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
        while queue.count >= depth, failure == nil { pthread_cond_wait(changed, mutex) }
        let problem = failure
        if problem == nil { queue.append(batch) }
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
        try write(encoder.metadata(type, json))
    }

    func finish(_ trailer: TraceTrailer) throws(TraceError) {
        locked { while !queue.isEmpty || isBusy { pthread_cond_wait(changed, mutex) } }
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
        while let batch = nextBatch() {
            var problem: TraceError?
            do { try output.write(encoder.events(batch, at: output.end).bytes) } catch { problem = error }
            batch.clear()
            locked {
                isBusy = false
                written = output.end
                recycled.append(batch)
                if let problem {
                    failure = failure ?? problem
                    queue.removeAll()
                }
                pthread_cond_broadcast(changed)
            }
        }
    }

    private func nextBatch() -> Batch? {
        locked {
            while queue.isEmpty, !isStopping { pthread_cond_wait(changed, mutex) }
            guard !queue.isEmpty else { return nil }
            isBusy = true
            let batch = queue.removeFirst()
            pthread_cond_broadcast(changed)
            return batch
        }
    }
}
