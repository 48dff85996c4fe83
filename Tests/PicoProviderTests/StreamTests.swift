// Pipes, sockets, epoll, futexes: calls that wait for each other.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct StreamTests {
    // MARK: - Pipes

    @Test func aReaderWaitsForAWriter() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        let child = try guest.fork()
        #expect(try guest.read(ends.read).isBlocked)
        #expect(try guest.write(ends.write, "abc", task: child).value == 3)
        let answer = try guest.retry()
        #expect(answer.value == 3)
        #expect(answer.text(1, 3) == "abc")
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func endOfFileComesWithTheLastWriter() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        let child = try guest.fork()
        _ = try guest.call("close", .number(ends.write))
        #expect(try guest.read(ends.read).isBlocked)
        _ = try guest.call("exit_group", 0, task: child)
        // SIGCHLD is ignored by default and does not interrupt.
        #expect(try guest.retry().value == 0)
    }

    @Test func writingWithoutReaderKills() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        _ = try guest.call("close", .number(ends.read))
        // The call has its result; the signal ends the task on the way back.
        let answer = try guest.write(ends.write, "x")
        #expect(answer.errno == .EPIPE)
        #expect(answer.result.signals == [Int32(ABI.constant("SIGPIPE"))])
        #expect(try guest.call("getpid").hasExited)
    }

    @Test func aFullPipeBlocksAndFinishesTheWrite() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        let child = try guest.fork()
        let big = Argument.bytes([UInt8](repeating: 7, count: 70000))
        #expect(try guest.call("write", .number(ends.write), big, 70000, task: child).isBlocked)
        #expect(try guest.read(ends.read, 60000).value == 60000)
        #expect(try guest.retry(child).value == 70000)
        #expect(try guest.read(ends.read, 60000).value == 10000)
        #expect(try guest.call("fcntl", .number(ends.read), .flags("F_GETPIPE_SZ")).value == 65536)
        #expect(try guest.call("fcntl", .number(ends.read), .flags("F_SETPIPE_SZ"), 5000).value == 8192)
        _ = try guest.call("fcntl", .number(ends.read), .flags("F_SETFL"), .flags("O_NONBLOCK"))
        #expect(try guest.read(ends.read).errno == .EAGAIN)
    }

    @Test func fifosMeet() throws {
        let guest = try Guest()
        #expect(try guest.call("mknod", "/tmp/f", .flags("S_IFIFO"), 0).value == 0)
        let child = try guest.fork()
        #expect(try guest.call("open", "/tmp/f", 0).isBlocked)
        #expect(try guest.call("open", "/tmp/f", .flags("O_WRONLY"), task: child).value == 0)
        #expect(try guest.retry().value == 0)
        _ = try guest.write(0, "hi", task: child)
        #expect(try guest.read(0).text(1, 2) == "hi")
        #expect(try guest.call("lseek", 0, 0, 0).errno == .ESPIPE)
    }

    // MARK: - Events

    @Test func epollLevelEdgeAndOneShot() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        let set = try #require(try guest.call("epoll_create1", 0).value)
        func event(_ flags: String...) -> Argument {
            var out = LxpBytes()
            out.add(flags.reduce(UInt32(0)) { $0 | abi32($1) })
            out.add(UInt64(42))
            return .bytes(out.bytes)
        }
        let add = Argument.flags("EPOLL_CTL_ADD")
        let modify = Argument.flags("EPOLL_CTL_MOD")
        #expect(try guest.call("epoll_ctl", .number(set), add, .number(ends.read), event("EPOLLIN")).value == 0)
        #expect(try guest.call("epoll_ctl", .number(set), add, .number(ends.read), event("EPOLLIN")).errno == .EEXIST)
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 0)
        _ = try guest.write(ends.write, "x")
        for _ in 0..<2 {
            let answer = try guest.call("epoll_wait", .number(set), .room(120), 10, -1)
            #expect(answer.value == 1)
            #expect(answer.uint64(1, at: 4) == 42)
        }
        _ = try guest.call("epoll_ctl", .number(set), modify, .number(ends.read), event("EPOLLIN", "EPOLLET"))
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 1)
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 0)
        _ = try guest.write(ends.write, "y")
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 1)
        _ = try guest.call("epoll_ctl", .number(set), modify, .number(ends.read), event("EPOLLIN", "EPOLLONESHOT"))
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 1)
        _ = try guest.write(ends.write, "z")
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 0)
        let file = try guest.open("/etc/hosts")
        #expect(try guest.call("epoll_ctl", .number(set), add, .number(file), event("EPOLLIN")).errno == .EPERM)
        _ = try guest.call("close", .number(ends.read))
        _ = try guest.call("close", .number(ends.write))
        #expect(try guest.call("epoll_wait", .number(set), .room(120), 10, 0).value == 0)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func pollTimesOutAndWakes() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        let child = try guest.fork()
        var request = LxpBytes()
        request.add(Int32(truncatingIfNeeded: ends.read))
        request.add(UInt16(1))
        request.add(UInt16(0))
        #expect(try guest.call("poll", .inout_(request.bytes), 1, 10).isBlocked)
        guest.engine.advance(to: 10_000_000)
        #expect(try guest.retry().value == 0)
        #expect(try guest.call("poll", .inout_(request.bytes), 1, -1).isBlocked)
        _ = try guest.write(ends.write, "x", task: child)
        let ready = try guest.retry()
        #expect(ready.value == 1)
        #expect(ready.bytes(0, 8)[6] == 1)
    }

    @Test func eventfdCountsAndTimerfdExpires() throws {
        let guest = try Guest()
        let event = try #require(try guest.call("eventfd2", 3, .flags("EFD_SEMAPHORE")).value)
        #expect(try guest.read(event, 8).uint64(1) == 1)
        #expect(try guest.read(event, 4).errno == .EINVAL)
        let timer = try #require(try guest.call("timerfd_create", .flags("CLOCK_MONOTONIC"), 0).value)
        var value = LxpBytes()
        for word in [0, 1_000_000, 0, 1_000_000] as [UInt64] { value.add(word) }
        #expect(try guest.call("timerfd_settime", .number(timer), 0, .bytes(value.bytes), 0).value == 0)
        #expect(try guest.read(timer, 8).isBlocked)
        guest.engine.advance(to: 3_500_000)
        #expect(try guest.retry().uint64(1) == 3)
    }

    @Test func signalfdReadsPendingSignals() throws {
        let guest = try Guest()
        let set = Argument.bytes([0, 2, 0, 0, 0, 0, 0, 0])
        _ = try guest.call("rt_sigprocmask", 0, set, 0, 8)
        let file = try #require(try guest.call("signalfd4", -1, set, 8, .flags("O_NONBLOCK")).value)
        #expect(try guest.read(file, 128).errno == .EAGAIN)
        _ = try guest.call("kill", 100, 10)
        let info = try guest.read(file, 128)
        #expect(info.value == 128)
        #expect(info.int32(1) == 10)
    }

    @Test func futexWaitAndWake() throws {
        let guest = try Guest()
        let thread = try guest.makeThread()
        let word: [UInt8] = [5, 0, 0, 0]
        let wait = try guest.call("futex", .bytes(word), .flags("FUTEX_WAIT"), 5, 0, 0, 0, task: thread)
        #expect(wait.isBlocked)
        #expect(try guest.call("futex", .bytes(word), .flags("FUTEX_WAIT"), 4, 0, 0, 0).errno == .EAGAIN)
        let address = Argument.number(Int64(bitPattern: wait.addresses[0]))
        #expect(try guest.call("futex", address, .flags("FUTEX_WAKE"), 1, 0, 0, 0).value == 1)
        #expect(try guest.call("futex", address, .flags("FUTEX_WAKE"), 1, 0, 0, 0).value == 0)
        #expect(try guest.retry(thread).value == 0)
        var time = LxpBytes()
        time.add(Int64(1))
        time.add(Int64(0))
        #expect(try guest.call("futex", .bytes(word), 0, 5, .bytes(time.bytes), 0, 0, task: thread).isBlocked)
        guest.engine.advance(to: 1_000_000_000)
        #expect(try guest.retry(thread).errno == .ETIMEDOUT)
    }

    // MARK: - Sockets

    private func unixAddress(_ path: String) -> (Argument, Argument) {
        let bytes: [UInt8] = [1, 0] + Array(path.utf8)
        return (.bytes(bytes), .number(Int64(bytes.count)))
    }

    @Test func unixStreamConnects() throws {
        let guest = try Guest()
        let server = try #require(try guest.call("socket", .flags("AF_UNIX"), .flags("SOCK_STREAM"), 0).value)
        let client = try #require(try guest.call("socket", .flags("AF_UNIX"), .flags("SOCK_STREAM"), 0).value)
        let (address, length) = unixAddress("/tmp/s\0")
        #expect(try guest.call("connect", .number(client), address, length).errno == .ENOENT)
        #expect(try guest.call("bind", .number(server), address, length).value == 0)
        #expect(try guest.call("connect", .number(client), address, length).errno == .ECONNREFUSED)
        #expect(try guest.call("listen", .number(server), 5).value == 0)
        let child = try guest.fork()
        #expect(try guest.call("accept4", .number(server), 0, 0, 0).isBlocked)
        #expect(try guest.call("connect", .number(client), address, length, task: child).value == 0)
        let accepted = try #require(try guest.retry().value)
        _ = try guest.write(client, "ping", task: child)
        #expect(try guest.read(accepted).text(1, 4) == "ping")
        let second = try #require(try guest.call("socket", .flags("AF_UNIX"), .flags("SOCK_STREAM"), 0).value)
        #expect(try guest.call("bind", .number(second), address, length).errno == .EADDRINUSE)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func descriptorsTravel() throws {
        let guest = try Guest()
        let pair = try guest.call("socketpair", .flags("AF_UNIX"), .flags("SOCK_STREAM"), 0, .room(8))
        let (left, right) = (Int64(pair.int32(3)), Int64(pair.int32(3, at: 4)))
        let file = try guest.open("/etc/hosts")
        func header(_ control: [UInt8], _ data: [UInt8]) -> (bytes: [UInt8], chunks: [MemoryChunks.Chunk]) {
            var chunks: [MemoryChunks.Chunk] = []
            let body = guest.place(data, &chunks)
            var vector = LxpBytes()
            vector.add(body)
            vector.add(UInt64(data.count))
            let vectors = guest.place(vector.bytes, &chunks)
            let place = guest.place(control, &chunks)
            var out = LxpBytes()
            for word in [0, 0, vectors, 1, place, UInt64(control.count), 0] as [UInt64] { out.add(word) }
            return (out.bytes, chunks)
        }
        var control = LxpBytes()
        control.add(UInt64(20))
        control.add(Int32(ABI.constant("SOL_SOCKET")))
        control.add(Int32(ABI.constant("SCM_RIGHTS")))
        control.add(Int32(truncatingIfNeeded: file))
        control.pad(to: 24)
        let outgoing = header(control.bytes, [1, 2, 3])
        #expect(try guest.message("sendmsg", left, outgoing).value == 3)
        #expect(try guest.call("close", .number(file)).value == 0)
        let incoming = header([UInt8](repeating: 0, count: 24), [0, 0, 0, 0])
        let received = try guest.message("recvmsg", right, incoming)
        #expect(received.value == 3)
        let number = try #require(
            received.result.writes.first { $0.bytes.count >= 20 && $0.bytes.count <= 24 }?.bytes[16]
        )
        #expect(Int64(number) == file)
        #expect(try guest.read(Int64(number), 3).text(1, 3) == "127")
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func loopbackConnections() throws {
        let guest = try Guest()
        let server = try #require(try guest.call("socket", .flags("AF_INET"), .flags("SOCK_STREAM"), 0).value)
        let client = try #require(try guest.call("socket", .flags("AF_INET"), .flags("SOCK_STREAM"), 0).value)
        let address = Argument.bytes([2, 0, 0x1f, 0x90, 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8))
        #expect(try guest.call("connect", .number(client), address, 16).errno == .ECONNREFUSED)
        #expect(try guest.call("bind", .number(server), address, 16).value == 0)
        #expect(try guest.call("listen", .number(server), 5).value == 0)
        #expect(try guest.call("connect", .number(client), address, 16).value == 0)
        let accepted = try #require(try guest.call("accept4", .number(server), 0, 0, 0).value)
        let sent = try guest.write(client, "GET /")
        #expect(sent.value == 5)
        #expect(sent.result.evidence.steps.contains { $0.name == "NtDeviceIoControlFile" })
        #expect(try guest.read(accepted).text(1, 5) == "GET /")
        _ = try guest.call("close", .number(client))
        #expect(try guest.read(accepted).value == 0)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func datagramsKeepTheirBounds() throws {
        let guest = try Guest()
        let one = try #require(try guest.call("socket", .flags("AF_UNIX"), .flags("SOCK_DGRAM"), 0).value)
        let two = try #require(try guest.call("socket", .flags("AF_UNIX"), .flags("SOCK_DGRAM"), 0).value)
        let (address, length) = unixAddress("\0name")
        #expect(try guest.call("bind", .number(one), address, length).value == 0)
        for text in ["first", "second"] {
            let bytes = Array(text.utf8)
            let sent = try guest.call(
                "sendto",
                .number(two),
                .bytes(bytes),
                .number(Int64(bytes.count)),
                0,
                address,
                length
            )
            #expect(sent.value == Int64(bytes.count))
        }
        #expect(try guest.call("recvfrom", .number(one), .room(3), 3, 0, 0, 0).value == 3)
        #expect(try guest.read(one, 10).text(1, 6) == "second")
    }

    @Test func familiesThatAreNotThere() throws {
        let guest = try Guest()
        for (family, type, number, errno) in [
            ("AF_PACKET", "SOCK_RAW", 0, Errno.EAFNOSUPPORT), ("AF_ALG", "SOCK_SEQPACKET", 0, .EAFNOSUPPORT),
            ("AF_VSOCK", "SOCK_STREAM", 0, .EAFNOSUPPORT), ("AF_NETLINK", "SOCK_RAW", 9, .EPROTONOSUPPORT),
            ("AF_NETLINK", "SOCK_STREAM", 0, .ESOCKTNOSUPPORT), ("AF_INET", "SOCK_RAW", 6, .EPROTONOSUPPORT),
        ] {
            let answer = try guest.call("socket", .flags(family), .flags(type), .number(Int64(number)))
            #expect(answer.errno == errno, "\(family)")
        }
        let socket = try #require(try guest.call("socket", .flags("AF_INET"), .flags("SOCK_STREAM"), 0).value)
        let one = Argument.bytes([1, 0, 0, 0])
        for (level, name, errno) in [
            ("SOL_SOCKET", "SO_REUSEADDR", nil), ("IPPROTO_TCP", "TCP_NODELAY", nil),
            ("SOL_SOCKET", "SO_BINDTODEVICE", Errno.EINVAL), ("IPPROTO_TCP", "TCP_FASTOPEN", .ENOPROTOOPT),
            ("SOL_SOCKET", "SO_MARK", .ENOPROTOOPT),
        ] as [(String, String, Errno?)] {
            #expect(
                try guest.call("setsockopt", .number(socket), .flags(level), .flags(name), one, 4).errno == errno,
                "\(name)"
            )
        }
    }
}

extension Guest {
    /// sendmsg or recvmsg with a header whose pointers lead to `chunks`.
    func message(
        _ name: String,
        _ fd: Int64,
        _ header: (bytes: [UInt8], chunks: [MemoryChunks.Chunk])
    ) throws -> Answer {
        var chunks = header.chunks
        let address = place(header.bytes, &chunks)
        let number = try #require(LxpSyscallFact.all.first { $0.name == name }?.number)
        let call = GuestCall(
            index: 0,
            number: number,
            architecture: .x86_64,
            arguments: SyscallArguments(UInt64(bitPattern: fd), address, 0),
            memory: MemoryChunks(chunks),
            childTask: TaskID(rawValue: 99)
        )
        return Answer(result: try engine.dispatch(call, on: root), addresses: [0, address])
    }
}
