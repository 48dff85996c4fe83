// What the threads of a recording tell each other: stop, why, and what could not be recorded.
import CLinux
import Glibc
import Synchronization
import TraceLog

/// Shared by the supervisor, the log thread and the caller of `run`.
final class RecordingControl: Sendable {
    private let stop = Atomic<Bool>(false)
    private let supervisorGone = Atomic<Bool>(false)
    private let closed: Mutex<State>
    private let ended: Int32
    private let attention: Int32
    /// Set when nobody reads the queue any more.
    nonisolated(unsafe) let queueClosed: UnsafeMutablePointer<UInt32>

    private struct State {
        var reason: String?
        var notes: [String: UInt64] = [:]
        var ways: [String: UInt64] = [:]
        var failure: TraceError?
    }

    init() {
        closed = Mutex(State())
        queueClosed = .allocate(capacity: 1)
        queueClosed.initialize(to: 0)
        ended = clinux_eventfd()
        attention = clinux_eventfd()
    }

    deinit {
        queueClosed.deallocate()
        close(ended)
        close(attention)
    }

    var shouldStop: Bool { stop.load(ordering: .relaxed) }

    /// Ends the recording; the first reason holds.
    func requestStop(_ reason: String) {
        closed.withLock { $0.reason = $0.reason ?? reason }
        stop.store(true, ordering: .relaxed)
    }
    var reason: String? { closed.withLock { $0.reason } }

    var isSupervisorGone: Bool { supervisorGone.load(ordering: .acquiring) }
    func supervisorEnded() {
        supervisorGone.store(true, ordering: .releasing)
        var one: UInt64 = 1
        _ = write(ended, &one, 8)
    }

    /// Returns early when the supervisor ends.
    func waitForSupervisor(milliseconds: Int32) {
        var entry = pollfd(fd: ended, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, milliseconds)
    }

    /// Ends the log thread's pause: somebody waits for room.
    func wakeReader() {
        var one: UInt64 = 1
        _ = write(attention, &one, 8)
    }
    /// A pause of the log thread.
    func pauseReader(microseconds: UInt32) {
        guard clinux_wait_readable(attention, microseconds) > 0 else { return }
        var count: UInt64 = 0
        _ = read(attention, &count, 8)
    }

    func note(_ words: String, _ count: UInt64) { closed.withLock { $0.notes[words, default: 0] += count } }
    var notes: [String: UInt64] { closed.withLock { $0.notes } }

    /// How many calls were notified, by the reason.
    func count(_ ways: [String: UInt64]) { closed.withLock { $0.ways = ways } }
    var ways: [String: UInt64] { closed.withLock { $0.ways } }

    /// The log cannot be written any more.
    func fail(_ error: TraceError) {
        closed.withLock { $0.failure = $0.failure ?? error }
        requestStop(error.code == .diskFull ? "disk-full" : "log-error")
        clinux_store_release32(queueClosed, 1)
    }
    var failure: TraceError? { closed.withLock { $0.failure } }
}

/// A pause short enough for a parked tracee.
func usleepBriefly() { usleep(20) }
