// Who wakes first, and what of a signal: races of real tasks that a replay must decide as the recording did.
import Engine
import Glibc
import LinuxABI
import LiveEngine
import Testing

@Suite("Wakeups on the native engine", .enabled(if: mayIsolate, "needs root for namespaces"), .serialized)
struct WakeupTests {
    private let base: NativeEngineTests
    private let memory = NativeEngineTests.memory
    private let child = TaskID(1)
    private let thread = TaskID(2)
    private var engine: AgentEngine { base.engine }
    private let terminate = 15

    init() throws { base = try NativeEngineTests() }

    /// A child process and a thread, a pipe at 0 and 1, and an epoll set at 2 that watches its reading end for edges.
    /// Returns the thread's tid.
    @discardableResult
    private func watchedPipe() throws -> UInt64 {
        _ = try base.call("pipe", memory)
        _ = try base.call("epoll_create1", 0)
        let event = MemoryChunks.Chunk(address: memory, bytes: [1, 0, 0, 0x80, 7, 0, 0, 0, 0, 0, 0, 0])
        #expect(try base.call("epoll_ctl", 2, 1, 0, memory, memory: [event]).outcome == .returned(0))
        _ = try base.call("fork", child: child)
        // CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
        guard case .returned(let tid) = try base.call("clone", 0x50f00, 0, 0, 0, 0, child: thread).outcome, tid > 0
        else {
            Issue.record("no thread")
            return 0
        }
        return UInt64(tid)
    }

    private func write() throws {
        let data = MemoryChunks.Chunk(address: memory, bytes: Array("abc".utf8))
        #expect(try base.call("write", 1, memory, 3, memory: [data], on: child).outcome == .returned(3))
    }

    @Test(
        "Of a reader and a watcher of one stream, the one that is due first has what was written",
        arguments: [true, false]
    )
    func readerAndWatcher(readsFirst: Bool) throws {
        try watchedPipe()
        for round in 0..<20 {
            if readsFirst {
                #expect(try base.call("read", 0, memory, 10, on: thread).outcome == .blocked)
                #expect(try base.call("epoll_wait", 2, memory, 8, 5000).outcome == .blocked)
            } else {
                #expect(try base.call("epoll_wait", 2, memory, 8, 5000).outcome == .blocked)
                #expect(try base.call("read", 0, memory, 10, on: thread).outcome == .blocked)
            }
            try write()
            if round % 2 == 0 {
                #expect(try engine.retry(TaskID(0)).outcome == .returned(1))
                #expect(try engine.retry(thread).outcome == .returned(3))
            } else {
                #expect(try engine.retry(thread).outcome == .returned(3))
                #expect(try engine.retry(TaskID(0)).outcome == .blocked)
                engine.cancel(TaskID(0))
            }
        }
        // Nobody sleeps in a read now: a wait is the kernel's again, and the set has nothing.
        #expect(try base.call("epoll_wait", 2, memory, 8, 0).outcome == .returned(0))
    }

    @Test("A signal that comes to a call which was taken out of the kernel ends it")
    func signalWhileWithdrawn() throws {
        _ = try handledChild()
        let tid = try watchedPipe()
        #expect(try base.call("read", 0, memory, 10, on: thread).outcome == .blocked)
        #expect(try base.call("tgkill", 4242, tid, UInt64(terminate)).outcome == .returned(0))
        let ended = try engine.retry(thread)
        #expect(ended.outcome == .returned(-Int64(Errno.EINTR.rawValue)))
        #expect(ended.signals == [Int32(terminate)])
    }

    /// A child that has a handler for SIGTERM, by its pid.
    private func handledChild() throws -> UInt64 {
        var action = [UInt8](repeating: 0, count: 32)
        action.replaceSubrange(0..<4, with: [0, 0, 0x40, 0])
        let given = MemoryChunks.Chunk(address: memory, bytes: action)
        #expect(try base.call("rt_sigaction", UInt64(terminate), memory, 0, 8, memory: [given]).outcome == .returned(0))
        guard case .returned(let pid) = try base.call("fork", child: child).outcome, pid > 0 else { return 0 }
        return UInt64(pid)
    }

    @Test("A signal sent twice to a sleeping task is delivered twice: the second comes when the handler has begun")
    func sentTwice() throws {
        let pid = try handledChild()
        _ = try base.call("pipe", memory, on: child)
        for _ in 0..<20 {
            #expect(try base.call("read", 0, memory, 10, on: child).outcome == .blocked)
            for _ in 0..<2 { #expect(try base.call("kill", pid, UInt64(terminate)).outcome == .returned(0)) }
            #expect(try engine.retry(child).signals == [Int32(terminate)])
            #expect(try base.call("rt_sigreturn", on: child).signals == [Int32(terminate)])
            guard case .returned = try base.call("rt_sigreturn", on: child).outcome else {
                Issue.record("the second handler did not return")
                return
            }
        }
    }

    @Test("A handler that began between two calls is known when it returns")
    func handlerBetweenCalls() throws {
        let pid = try handledChild()
        _ = try base.call("getpid", on: child)
        for _ in 0..<20 {
            #expect(try base.call("kill", pid, UInt64(terminate)).outcome == .returned(0))
            let returned = try base.call("rt_sigreturn", on: child)
            #expect(returned.evidence.support == .handled)
            #expect(returned.signals == [Int32(terminate)])
        }
        #expect(try base.call("rt_sigreturn", on: child).evidence.support == .notModelled)
    }

    @Test("A wait whose time ran out here before it did in the recording is ended by the signal that then came")
    func overtakenWait() throws {
        let pid = try handledChild()
        _ = try base.call("epoll_create1", 0, on: child)
        var now: UInt64 = 0
        func wait(recorded: UInt64) throws -> DispatchResult {
            #expect(try base.call("epoll_wait", 0, memory, 8, 100, on: child).outcome == .blocked)
            usleep(150_000)
            #expect(try base.call("kill", pid, UInt64(terminate)).outcome == .returned(0))
            now += recorded
            engine.advance(to: now)
            let result = try engine.retry(child)
            _ = try base.call("rt_sigreturn", on: child)
            return result
        }
        #expect(try wait(recorded: 50_000_000).outcome == .returned(-Int64(Errno.EINTR.rawValue)))
        #expect(try wait(recorded: 100_000_000).outcome == .returned(0))
    }
}
