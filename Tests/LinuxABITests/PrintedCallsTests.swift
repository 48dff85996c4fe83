// Whole lines as strace -v prints them (but for `in => out`, which shows both).
import Testing

@testable import LinuxABI

private func words(_ values: UInt64...) -> [UInt8] { values.flatMap { bytes($0, 8) } }
private func halves(_ values: UInt32...) -> [UInt8] { values.flatMap { bytes(UInt64($0), 4) } }
private func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
}
private func text(_ string: String) -> [UInt8] { Array(string.utf8) + [0] }
private func id(_ names: String...) -> UInt64 { names.reduce(0) { $0 | ABI.constant($1) } }
private let current = UInt64(bitPattern: -100)
private let minusOne = UInt64(UInt32.max)

struct PrintedCall: Sendable, CustomTestStringConvertible {
    var name: String
    var arguments: SyscallArguments
    var result: Int64?
    var input: [UInt64: [UInt8]] = [:]
    var output: [UInt64: [UInt8]] = [:]
    var line: String
    var testDescription: String { line }

    init(
        _ line: String,
        _ arguments: SyscallArguments,
        _ result: Int64?,
        _ input: [UInt64: [UInt8]] = [:],
        _ output: [UInt64: [UInt8]] = [:]
    ) {
        name = String(line.prefix { $0 != "(" })
        self.arguments = arguments
        self.result = result
        self.input = input
        self.output = output
        self.line = line
    }

    func printed() throws -> String {
        let variant = try #require(ABI.call(named: name)).variant(for: arguments)
        func chunks(_ memory: [UInt64: [UInt8]]) -> MemoryChunks {
            MemoryChunks(memory.sorted { $0.key < $1.key }.map { .init(address: $0.key, bytes: $0.value) })
        }
        let decoded = variant.decode(arguments, result: result, input: chunks(input), output: chunks(output))
        return Printer().line(variant, arguments, decoded, result: result)
    }
}

@Suite struct PrintedCallsTests {
    @Test(arguments: [
        PrintedCall(
            "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000001000",
            SyscallArguments(0, 8192, id("PROT_READ", "PROT_WRITE"), id("MAP_PRIVATE", "MAP_ANONYMOUS"), minusOne, 0),
            0x7f00_0000_1000
        ),
        PrintedCall("brk(NULL) = 0x555500000000", SyscallArguments(0), 0x5555_0000_0000),
        PrintedCall(
            "clone(SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID, NULL, NULL, 0x7f00, NULL) = 123",
            SyscallArguments(id("CLONE_CHILD_CLEARTID", "CLONE_CHILD_SETTID") | 17, 0, 0, 0x7f00, 0),
            123
        ),
        PrintedCall(
            #"execve("/bin/ls", ["ls", "-l"], 0x40 /* 1 vars */) = 0"#,
            SyscallArguments(0x10, 0x20, 0x40),
            0,
            [
                0x10: text("/bin/ls"), 0x20: words(0x100, 0x110, 0), 0x40: words(0x120, 0), 0x100: text("ls"),
                0x110: text("-l"), 0x120: text("A=b"),
            ]
        ),
        PrintedCall(
            "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 1}], 0, NULL) = 77",
            SyscallArguments(minusOne, 0x10, 0, 0),
            77,
            [:],
            [0x10: halves(0x100)]
        ),
        PrintedCall(
            "wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], WNOHANG, NULL) = 77",
            SyscallArguments(minusOne, 0x10, id("WNOHANG"), 0),
            77,
            [:],
            [0x10: halves(0x8b)]
        ),
        PrintedCall(
            "wait4(77, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP | 0x80}], 0, NULL) = 77",
            SyscallArguments(77, 0x10, 0, 0),
            77,
            [:],
            [0x10: halves(0x857f)]
        ),
        PrintedCall(
            "rt_sigprocmask(SIG_BLOCK, [SIGHUP SIGCHLD], [], 8) = 0",
            SyscallArguments(0, 0x10, 0x20, 8),
            0,
            [0x10: words(1 << 16 | 1)],
            [0x20: words(0)]
        ),
        PrintedCall(
            "rt_sigtimedwait([SIGCHLD], {si_signo=SIGCHLD, si_errno=0, si_code=CLD_EXITED, si_pid=55, si_uid=1000,"
                + " si_status=3, si_utime=0, si_stime=0}, NULL, 8) = SIGCHLD",
            SyscallArguments(0x10, 0x20, 0, 8),
            17,
            [0x10: words(1 << 16)],
            [0x20: halves(17, 0, 1, 0, 55, 1000, 3, 0) + [UInt8](repeating: 0, count: 96)]
        ),
        PrintedCall(
            "rt_sigtimedwait([SIGSEGV], {si_signo=SIGSEGV, si_errno=0, si_code=1, si_addr=0x1234}, NULL, 8) = SIGSEGV",
            SyscallArguments(0x10, 0x20, 0, 8),
            11,
            [0x10: words(1 << 10)],
            [0x20: halves(11, 0, 1, 0, 0x1234, 0) + [UInt8](repeating: 0, count: 104)]
        ),
        PrintedCall("kill(42, SIGTERM) = 0", SyscallArguments(42, 15), 0),
        PrintedCall(
            "futex(0x1000, FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 2, NULL) = -1 EAGAIN (Resource temporarily unavailable)",
            SyscallArguments(0x1000, id("FUTEX_WAIT", "FUTEX_PRIVATE_FLAG"), 2, 0),
            -11
        ),
    ])
    func memoryProcessesSignals(_ call: PrintedCall) throws {
        #expect(try call.printed() == call.line)
    }

    @Test(arguments: [
        PrintedCall(
            "poll([{fd=3, events=POLLIN, revents=0}] => [{fd=3, events=POLLIN, revents=POLLIN}], 1, 100) = 1",
            SyscallArguments(0x10, 1, 100),
            1,
            [0x10: halves(3, 1)],
            [0x10: halves(3, 0x10001)]
        ),
        PrintedCall(
            "select(4, [0 3] => [3], NULL, NULL, {tv_sec=1, tv_usec=0} => {tv_sec=0, tv_usec=5}) = 1",
            SyscallArguments(4, 0x10, 0, 0, 0x20),
            1,
            [0x10: words(0b1001), 0x20: words(1, 0)],
            [0x10: words(0b1000), 0x20: words(0, 5)]
        ),
        PrintedCall(
            "epoll_wait(4, [{events=EPOLLIN, data=0x5}], 8, -1) = 1",
            SyscallArguments(4, 0x10, 8, minusOne),
            1,
            [:],
            [0x10: halves(1, 5, 0)]
        ),
        PrintedCall(
            "pipe2([3, 4], O_CLOEXEC) = 0",
            SyscallArguments(0x10, id("O_CLOEXEC")),
            0,
            [:],
            [0x10: halves(3, 4)]
        ),
        PrintedCall(
            #"getdents64(3, [{d_ino=99, d_type=DT_DIR, d_name="."}], 32768) = 24"#,
            SyscallArguments(3, 0x10, 32768),
            24,
            [:],
            [0x10: words(99, 1) + [24, 0, 4] + text(".") + [0, 0, 0]]
        ),
        PrintedCall(
            #"writev(1, ["he", "llo"], 2) = 5"#,
            SyscallArguments(1, 0x10, 2),
            5,
            [0x10: words(0x100, 2, 0x110, 3), 0x100: text("he"), 0x110: text("llo")]
        ),
        PrintedCall(
            #"readv(0, ["he", "l"], 2) = 3"#,
            SyscallArguments(0, 0x10, 2),
            3,
            [0x10: words(0x100, 2, 0x110, 3)],
            [0x100: Array("he".utf8), 0x110: Array("l".utf8)]
        ),
        PrintedCall(
            #"newfstatat(AT_FDCWD, "nofile", 0x20, 0) = -1 ENOENT (No such file or directory)"#,
            SyscallArguments(current, 0x10, 0x20, 0),
            -2,
            [0x10: text("nofile")]
        ),
        PrintedCall(
            #"openat2(AT_FDCWD, "x", {flags=O_RDONLY|O_CLOEXEC, mode=0, resolve=RESOLVE_BENEATH}, 24) = 3"#,
            SyscallArguments(current, 0x10, 0x20, 24),
            3,
            [0x10: text("x"), 0x20: words(id("O_CLOEXEC"), 0, id("RESOLVE_BENEATH"))]
        ),
        PrintedCall(
            "ioctl(1, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0",
            SyscallArguments(1, id("TIOCGWINSZ"), 0x10),
            0,
            [:],
            [0x10: [24, 0, 80, 0, 0, 0, 0, 0]]
        ),
        PrintedCall(
            "ioctl(1, 0x12345678, 0x10) = -1 ENOTTY (Inappropriate ioctl for device)",
            SyscallArguments(1, 0x1234_5678, 0x10),
            -25
        ),
        PrintedCall(#"getcwd("/root", 129) = 6"#, SyscallArguments(0x10, 129), 6, [:], [0x10: text("/root")]),
        PrintedCall("fcntl(3, F_SETFD, FD_CLOEXEC) = 0", SyscallArguments(3, id("F_SETFD"), 1), 0),
        PrintedCall(#"prctl(PR_SET_NAME, "worker") = 0"#, SyscallArguments(15, 0x10), 0, [0x10: text("worker")]),
        PrintedCall(
            #"mount("none", "/mnt", "tmpfs", MS_NOSUID, NULL) = 0"#,
            SyscallArguments(0x10, 0x20, 0x30, id("MS_NOSUID"), 0),
            0,
            [0x10: text("none"), 0x20: text("/mnt"), 0x30: text("tmpfs")]
        ),
        PrintedCall(
            "clock_nanosleep(CLOCK_MONOTONIC, 0, {tv_sec=1, tv_nsec=0}, {tv_sec=0, tv_nsec=5})"
                + " = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
            SyscallArguments(1, 0, 0x10, 0x20),
            -516,
            [0x10: words(1, 0)],
            [0x20: words(0, 5)]
        ),
    ])
    func files(_ call: PrintedCall) throws {
        #expect(try call.printed() == call.line)
    }

    @Test(arguments: [
        PrintedCall(
            "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3",
            SyscallArguments(16, id("SOCK_RAW", "SOCK_CLOEXEC"), 0),
            3
        ),
        PrintedCall(
            "bind(3, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=0x1}, 12) = 0",
            SyscallArguments(3, 0x10, 12),
            0,
            [0x10: halves(16, 0, 1)]
        ),
        PrintedCall(
            #"connect(3, {sa_family=AF_INET6, sin6_port=80, sin6_flowinfo=0, sin6_addr="::1", sin6_scope_id=0}, 28)"#
                + " = -1 ECONNREFUSED (Connection refused)",
            SyscallArguments(3, 0x10, 28),
            -111,
            [0x10: [10, 0, 0, 80] + halves(0) + [UInt8](repeating: 0, count: 15) + [1] + halves(0)]
        ),
        PrintedCall(
            "accept4(3, {sa_family=AF_UNIX}, [110 => 2], SOCK_CLOEXEC) = 5",
            SyscallArguments(3, 0x10, 0x20, id("SOCK_CLOEXEC")),
            5,
            [0x20: halves(110)],
            [0x10: [1, 0], 0x20: halves(2)]
        ),
        PrintedCall(
            "getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
            SyscallArguments(3, 1, id("SO_ERROR"), 0x10, 0x20),
            0,
            [0x20: halves(4)],
            [0x10: halves(0), 0x20: halves(4)]
        ),
        PrintedCall(
            #"sendmsg(3, {msg_namelen=0, msg_iov=["x"], msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS,"#
                + " cmsg_data=[7]}], msg_controllen=24}, MSG_NOSIGNAL) = 1",
            SyscallArguments(3, 0x10, id("MSG_NOSIGNAL")),
            1,
            [
                0x10: words(0, 0, 0x100, 1, 0x200, 24, 0), 0x100: words(0x300, 1),
                0x200: words(20) + halves(1, 1, 7, 0), 0x300: [0x78],
            ]
        ),
        PrintedCall(
            #"recvmsg(3, {msg_namelen=0, msg_iov=["x"], msg_control=[{cmsg_level=SOL_SOCKET,"#
                + " cmsg_type=SCM_CREDENTIALS, cmsg_data={pid=11, uid=1000, gid=1000}}], msg_controllen=28,"
                + " msg_flags=0}, 0) = 1",
            SyscallArguments(3, 0x10, 0),
            1,
            [0x10: words(0, 0, 0x100, 1, 0x200, 64, 0), 0x100: words(0x300, 1)],
            [
                0x10: words(0, 0, 0x100, 1, 0x200, 28, 0), 0x200: words(28) + halves(1, 2, 11, 1000, 1000, 0),
                0x300: [0x78],
            ]
        ),
        PrintedCall(
            #"sendmmsg(3, [{msg_hdr={msg_namelen=0, msg_iov=["a"], msg_controllen=0}}] => [{msg_len=1}], 1, 0) = 1"#,
            SyscallArguments(3, 0x1000, 1, 0),
            1,
            [0x1000: words(0, 0, 0x100, 1, 0, 0, 0, 0), 0x100: words(0x300, 1), 0x300: [0x61]],
            [0x1000: words(0, 0, 0x100, 1, 0, 0, 0, 1)]
        ),
    ])
    func sockets(_ call: PrintedCall) throws {
        #expect(try call.printed() == call.line)
    }

    @Test func flagsPrintInTheOrderOfTheirDeclaration() throws {
        let open = try #require(ABI.flagSet("open_flags"))
        #expect(open.names(in: id("O_RDWR", "O_SYNC", "O_CREAT")).names == ["O_RDWR", "O_CREAT", "O_SYNC"])
        #expect(open.names(in: id("O_DSYNC")).names == ["O_RDONLY", "O_DSYNC"])
        #expect(open.names(in: id("O_TMPFILE", "O_RDWR")).names == ["O_RDWR", "O_TMPFILE"])
    }

    /// A sleep that ran to its end leaves no remaining time: what the buffer holds is not the kernel's.
    @Test func theRemainingTimeIsOfInterruptedSleepsOnly() throws {
        let call = PrintedCall(
            "nanosleep({tv_sec=1, tv_nsec=0}, 0x20) = 0",
            SyscallArguments(0x10, 0x20),
            0,
            [0x10: words(1, 0)],
            [0x20: words(9, 9)]
        )
        #expect(try call.printed() == call.line)
    }

    @Test func whatIsCutOrMissingIsSaid() throws {
        let poll = try #require(ABI.call(named: "poll")).plain
        let words = SyscallArguments(0x10, 2, 0)
        func input(_ memory: MemoryChunks) -> Value? {
            poll.decode(words, result: nil, input: memory, output: MemoryChunks()).arguments.first?.value
        }
        let cut = MemoryChunks([.init(address: 0x10, bytes: halves(3, 1), length: 16)])
        #expect(input(cut) == .pointer(0x10, .unavailable("cut")))
        #expect(input(MemoryChunks()) == .pointer(0x10, .unavailable("bad pointer")))
        let write = try #require(ABI.call(named: "write")).plain
        let payload = MemoryChunks([.init(address: 0x10, bytes: [1, 2], length: 100)])
        #expect(
            write.decode(SyscallArguments(1, 0x10, 100), result: 100, input: payload, output: payload).arguments[1]
                .value
                == .pointer(0x10, .bytes([1, 2], fullLength: 100, .exact))
        )
    }

    /// The type of these mounts is not looked at by the kernel, whatever the caller passes.
    @Test func mountsByFlagHaveNoFileSystem() throws {
        func cells(_ flags: UInt64) throws -> [String] {
            let memory = MemoryChunks([
                .init(address: 0x20, bytes: text("/mnt")), .init(address: 0x30, bytes: text("none")),
            ])
            let words = SyscallArguments(0, 0x20, 0x30, flags, 0)
            return try #require(ABI.call(named: "mount")).variant(for: words).cells(words, memory: memory)
                .map(\.description)
        }
        #expect(try cells(id("MS_BIND")) == ["mount(MS_BIND)"])
        #expect(try cells(id("MS_PRIVATE", "MS_REC")) == ["mount(MS_REC)", "mount(MS_PRIVATE)"])
        #expect(try cells(0) == ["mount(none)"])
    }
}
