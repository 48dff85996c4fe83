// Calls made one by one on this host's kernel, by real tasks in a fresh root.
import Engine
import Glibc
import LinuxABI
import LiveEngine
import Testing

/// Whether this process may make the namespaces that the native engine needs.
let mayIsolate = geteuid() == 0

@Suite("Calls of tasks on the native engine", .enabled(if: mayIsolate, "needs root for namespaces"), .serialized)
struct NativeEngineTests {
    let engine = NativeEngine.make()
    let root = TaskID(0)
    static let memory: UInt64 = 0x5555_0000_1000

    init() throws {
        var environment = Environment()
        environment.process.pid = 4242
        environment.process.parent = 4200
        environment.process.processGroup = 4242
        environment.process.session = 4200
        environment.hostname = "replayed"
        environment.engineServed = ["/dev", "/proc"]
        var file = Environment.File(path: "/known", kind: .regular, mode: 0o640)
        file.size = 5
        file.content = [.init(offset: 0, bytes: Array("hello".utf8))]
        var program = Environment.File(path: "/program", kind: .regular, mode: 0o755)
        program.size = 10_000
        environment.files = [.init(path: "/", kind: .directory, mode: 0o755), file, program]
        try engine.boot(environment)
    }

    func call(
        _ name: String,
        _ arguments: UInt64...,
        memory: [MemoryChunks.Chunk] = [],
        on task: TaskID = TaskID(0),
        child: TaskID = TaskID(9)
    ) throws -> DispatchResult {
        var words = SyscallArguments()
        for (index, value) in arguments.enumerated() { words[index] = value }
        let number = try #require(ABI.call(named: name)?.numbers.x86_64)
        let call = GuestCall(
            index: 0,
            number: number,
            architecture: .x86_64,
            arguments: words,
            memory: MemoryChunks(memory),
            childTask: child
        )
        return try engine.dispatch(call, on: task)
    }

    private func text(_ text: String, at address: UInt64 = memory) -> MemoryChunks.Chunk {
        .init(address: address, bytes: Array(text.utf8) + [0])
    }

    @Test("Ids are the recorded ones, files are those of time zero, and nothing else is there")
    func world() throws {
        #expect(try call("getpid").outcome == .returned(4242))
        #expect(try call("getppid").outcome == .returned(4200))
        #expect(try call("getpgrp").outcome == .returned(4242))
        let opened = try call("open", Self.memory, 0, 0, memory: [text("/known")])
        #expect(opened.outcome == .returned(0))
        let read = try call("read", 0, Self.memory + 4096, 100)
        #expect(read.outcome == .returned(5))
        #expect(read.writes == [.init(address: Self.memory + 4096, bytes: Array("hello".utf8))])
        let absent = try call("open", Self.memory, 0, 0, memory: [text("/etc/passwd")])
        #expect(absent.outcome == .returned(-Int64(Errno.ENOENT.rawValue)))
    }

    @Test("Bad pointers are bad pointers")
    func badPointer() throws {
        #expect(try call("open", 8, 0, 0).outcome == .returned(-Int64(Errno.EFAULT.rawValue)))
        #expect(try call("pipe", 8).outcome == .returned(-Int64(Errno.EFAULT.rawValue)))
    }

    @Test("A call that waits is parked, and finishes when another task's call lets it")
    func blocking() throws {
        let pipe = try call("pipe", Self.memory)
        #expect(pipe.outcome == .returned(0))
        let fork = try call("fork", child: TaskID(1))
        guard case .returned(let pid) = fork.outcome, pid > 0 else {
            Issue.record("fork: \(fork.outcome)")
            return
        }
        #expect(try call("read", 0, Self.memory, 10, on: TaskID(1)).outcome == .blocked)
        #expect(try engine.retry(TaskID(1)).outcome == .blocked)
        let data = MemoryChunks.Chunk(address: Self.memory, bytes: Array("abc".utf8))
        #expect(try call("write", 1, Self.memory, 3, memory: [data]).outcome == .returned(3))
        let read = try engine.retry(TaskID(1))
        #expect(read.outcome == .returned(3))
        #expect(read.writes.first?.bytes == Array("abc".utf8))
        // The child's end is real: its parent waits for it.
        #expect(try call("wait4", UInt64(pid), Self.memory, 0, 0).outcome == .blocked)
        #expect(try call("exit_group", 7, on: TaskID(1)).outcome == .exited)
        let waited = try engine.retry(root)
        #expect(waited.outcome == .returned(pid))
        #expect(waited.writes.first?.bytes == [0, 7, 0, 0])
    }

    @Test("An abandoned call leaves its task as it was")
    func cancelling() throws {
        _ = try call("pipe", Self.memory)
        #expect(try call("read", 0, Self.memory, 10).outcome == .blocked)
        engine.cancel(root)
        #expect(try call("getpid").outcome == .returned(4242))
    }

    @Test("A handler's delivery is told with the call it interrupts, and its return puts the mask back")
    func handlers() throws {
        var action = [UInt8](repeating: 0, count: 32)
        action.replaceSubrange(0..<4, with: [0, 0, 0x40, 0])
        let given = MemoryChunks.Chunk(address: Self.memory, bytes: action)
        #expect(try call("rt_sigaction", 10, Self.memory, 0, 8, memory: [given]).outcome == .returned(0))
        let old = try call("rt_sigaction", 10, 0, Self.memory + 64, 8)
        #expect(old.writes.first?.bytes.prefix(24) == action.prefix(24))
        let sent = try call("kill", 4242, 10)
        #expect(sent.outcome == .returned(0))
        #expect(sent.signals == [10])
        // In the handler its signal is blocked: bit 9.
        let inside = try call("rt_sigprocmask", 0, 0, Self.memory, 8)
        #expect(inside.writes.first?.bytes == [0, 2, 0, 0, 0, 0, 0, 0])
        guard case .returned = try call("rt_sigreturn").outcome else {
            Issue.record("the handler did not return")
            return
        }
        let outside = try call("rt_sigprocmask", 0, 0, Self.memory, 8)
        #expect(outside.writes.first?.bytes == [0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("The kernel decides whether a file may be executed; close-on-exec is real")
    func executing() throws {
        _ = try call("open", Self.memory, 0o2000000, 0, memory: [text("/known")])
        func execute(_ path: String) throws -> DispatchResult {
            try call("execve", Self.memory, 0, 0, memory: [text(path)])
        }
        #expect(try execute("/absent").outcome == .returned(-Int64(Errno.ENOENT.rawValue)))
        #expect(try execute("/known").outcome == .returned(-Int64(Errno.EACCES.rawValue)))
        #expect(try execute("/program").outcome == .returned(0))
        #expect(try call("getpid").outcome == .returned(4242))
        #expect(try call("close", 0).outcome == .returned(-Int64(Errno.EBADF.rawValue)))
        let link = try call("readlink", Self.memory, Self.memory + 4096, 100, memory: [text("/proc/self/exe")])
        #expect(link.outcome == .returned(8) || link.evidence.support == .notModelled)
    }

    @Test("A killed task has ended; the others go on")
    func killed() throws {
        guard case .returned(let pid) = try call("fork", child: TaskID(1)).outcome, pid > 0 else {
            Issue.record("no child")
            return
        }
        #expect(try call("kill", UInt64(pid), 9).outcome == .returned(0))
        #expect(try call("getpid", on: TaskID(1)).outcome == .exited)
        #expect(try call("wait4", UInt64(pid), 0, 0, 0).outcome == .returned(pid))
    }

    @Test("The agent's own descriptors are nobody's")
    func ownDescriptors() throws {
        #expect(try call("close_range", 0, 0xffff_ffff, 0).outcome == .returned(0))
        #expect(try call("getpid").outcome == .returned(4242))
        let fd = try call("open", Self.memory, 0o200000, 0, memory: [text("/proc/self/fd")])
        #expect(fd.outcome == .returned(0))
        let listed = try call("getdents64", 0, Self.memory, 4096)
        // ".", ".." and "0", each in 24 bytes.
        #expect(listed.outcome == .returned(72))
    }
}

@Suite struct AgentFailureTests {
    @Test("An agent that cannot be started is an engine failure that says so")
    func noAgent() {
        let engine = AgentEngine(identity: .init(name: "none", version: "", summary: "")) {
            () throws(EngineFailure) -> any AgentTransport in throw EngineFailure("no such machine")
        }
        #expect(throws: EngineFailure("no such machine")) { try engine.boot(Environment()) }
    }

    @Test("Bytes that come before the greeting, and an environment that ends without one")
    func noGreeting() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let noise = Array("booting\n".utf8)
        #expect(write(ends[1], noise, noise.count) == noise.count)
        close(ends[1])
        let transport = DescriptorTransport(input: ends[0], output: open("/dev/null", O_WRONLY))
        let engine = AgentEngine(transport: transport, identity: .init(name: "none", version: "", summary: ""))
        #expect(throws: EngineFailure.self) { try engine.boot(Environment()) }
    }
}
