// The shipped descriptions hold together.
import Testing

@testable import LinuxABI

@Suite struct ShippedDescriptionsTests {
    @Test func allParse() throws {
        #expect(try Descriptions.embedded().calls.count > 300)
    }

    /// The numbers 335 to 423 are reserved; everything else up to kernel 6.18's newest has a name.
    @Test func everyNumberHasAName() throws {
        let newest = try #require(ABI.calls.compactMap(\.numbers.x86_64).max())
        #expect(newest >= 469)
        for number in 0...newest where !(335...423).contains(number) {
            #expect(ABI.call(number, .x86_64) != nil, "x86-64 call \(number) has no description")
        }
    }

    @Test func mostCallsAreDescribedInFull() {
        #expect(ABI.calls.filter { !$0.isOpaque }.count >= 230)
    }

    @Test func whatCallsWaitForIsSaid() {
        func names(_ blocking: Blocking) -> Set<String> {
            Set(ABI.calls.filter { $0.plain.blocking == blocking }.map(\.name))
        }
        #expect(names(.child) == ["wait4", "waitid"])
        #expect(names(.data) == ["read", "readv", "recvfrom", "recvmsg"])
        let readiness = ["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"]
        #expect(names(.readiness) == Set(readiness))
        #expect(names(.other).isSuperset(of: ["futex", "flock", "nanosleep", "write", "accept"]))
        #expect(names(.never).isSuperset(of: ["close", "getpid", "mmap"]))
    }

    @Test func noProgramHasMorePointersThanARunKeeps() {
        for call in ABI.calls {
            for variant in [call.plain] + call.variants {
                #expect(variant.capture.steps.count <= 16, "\(variant.fullName)")
            }
        }
    }
}

/// Which calls a recorder that runs inside the program leaves to its supervisor.
@Suite struct SupervisedCallsTests {
    @Test func whatChangesTheTaskItselfIsSupervised() throws {
        for name in [
            "arch_prctl", "modify_ldt", "prctl", "ptrace", "restart_syscall", "rt_sigreturn", "seccomp",
            "set_thread_area", "sigaltstack",
        ] {
            #expect(try #require(ABI.call(named: name)).plain.isSupervised, "\(name)")
        }
        for name in ["read", "futex", "mmap", "rt_sigaction", "kill"] {
            #expect(try !#require(ABI.call(named: name)).plain.isSupervised, "\(name)")
        }
    }

    @Test func callsOnMappingsSayWhatTheyDoToCode() throws {
        let expected: [String: CodeEffect] = [
            "mmap": .maps, "munmap": .changes, "madvise": .changes, "remap_file_pages": .changes, "mremap": .moves,
            "mprotect": .protects, "pkey_mprotect": .protects,
        ]
        for call in ABI.calls { #expect(call.plain.codeEffect == expected[call.name] ?? .none, "\(call.name)") }
    }

    @Test func anUnknownEffectIsRefused() {
        #expect(throws: DescriptionError.self) {
            try Descriptions(text: "call 1/1 f(a addr) -> status family=memory code=eats")
        }
    }
}

/// Which calls the recorder must see before they run.
@Suite struct PathChangeTests {
    private func changes(_ name: String, _ words: SyscallArguments = SyscallArguments()) throws -> Bool {
        try #require(ABI.call(named: name)).variant(for: words).changesPaths.holds(words)
    }

    /// O_TMPFILE contains O_DIRECTORY, which changes nothing.
    @Test func opensChangeByTheirFlags() throws {
        func opens(_ flags: [String]) throws -> Bool {
            let word = flags.reduce(0) { $0 | ABI.constant($1) }
            let at = try changes("openat", SyscallArguments(0, 0x10, word))
            #expect(try changes("open", SyscallArguments(0x10, word)) == at)
            return at
        }
        #expect(try !opens([]))
        #expect(try !opens(["O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "O_NOFOLLOW", "O_PATH", "O_LARGEFILE"]))
        for flag in ["O_CREAT", "O_TRUNC", "O_TMPFILE", "O_WRONLY", "O_RDWR"] { #expect(try opens([flag]), "\(flag)") }
    }

    @Test func readersDoNotChange() throws {
        for name in [
            "stat", "newfstatat", "statx", "access", "readlink", "statfs", "chdir", "getxattr", "connect",
            "inotify_add_watch", "read", "close", "name_to_handle_at",
        ] {
            #expect(try !changes(name), "\(name)")
        }
        #expect(try !changes("bpf", SyscallArguments(ABI.constant("BPF_OBJ_GET"))))
    }

    @Test func writersDo() throws {
        for name in [
            "creat", "openat2", "mkdir", "unlinkat", "rename", "linkat", "symlink", "mknod", "truncate", "chmod",
            "lchown", "utimensat", "setxattr", "removexattr", "umount2", "pivot_root", "chroot", "execve", "unshare",
            "bind", "io_uring_enter",
        ] {
            #expect(try changes(name), "\(name)")
        }
        // A sub takes it over from its call, or has its own.
        let bind = SyscallArguments(0, 0x10, 0, ABI.constant("MS_BIND"))
        #expect(try #require(ABI.call(named: "mount")).variant(for: bind).name == "MS_BIND")
        #expect(try changes("mount", bind))
        #expect(try changes("bpf", SyscallArguments(ABI.constant("BPF_OBJ_PIN"))))
    }

    @Test func conditionsNameAnArgument() throws {
        let text =
            "call 1/2 f(a u32, b u32) changes when b&0x6\nsub f$X(a u32, b=1 u32)\nsub f$Y(a=1 u32, b u32) changes"
        let call = try #require(Descriptions(text: text).byName["f"])
        #expect(call.plain.changesPaths == .whenFlags(argument: 1, mask: 6))
        #expect(call.variants.map(\.changesPaths) == [.whenFlags(argument: 1, mask: 6), .always])
        #expect(throws: DescriptionError.self) { try Descriptions(text: "call 1/2 f(a u32) changes when b&1") }
    }
}

/// Which description and which cells well-known calls get.
@Suite struct ShippedCellTests {
    private func cells(_ name: String, _ words: SyscallArguments, _ strings: [UInt64: String] = [:]) throws -> [String]
    {
        let call = try #require(ABI.call(named: name))
        let memory = MemoryChunks(strings.map { .init(address: $0.key, bytes: Array($0.value.utf8) + [0]) })
        return call.variant(for: words).cells(words, memory: memory).map { cell in
            "\(cell) \(cell.families.map(\.rawValue).joined(separator: ","))"
        }
    }

    @Test func socketsSelectByFamilyAndTypeOrProtocol() throws {
        let stream = ABI.constant("SOCK_STREAM") | ABI.constant("SOCK_CLOEXEC")
        #expect(
            try cells("socket", SyscallArguments(ABI.constant("AF_UNIX"), stream))
                == ["socket(AF_UNIX, SOCK_STREAM) net", "socket(SOCK_CLOEXEC) net"]
        )
        let audit = SyscallArguments(ABI.constant("AF_NETLINK"), 3, ABI.constant("NETLINK_AUDIT"))
        #expect(try cells("socket", audit) == ["socket(AF_NETLINK, NETLINK_AUDIT) security"])
    }

    @Test func namespaceFlagsKeepTheirFamily() throws {
        let flags = ABI.constant("CLONE_NEWUSER") | ABI.constant("CLONE_FS")
        #expect(
            try cells("unshare", SyscallArguments(flags))
                == ["unshare(CLONE_FS) process", "unshare(CLONE_NEWUSER) namespaces"]
        )
    }

    @Test func mountSelectsByFileSystem() throws {
        let words = SyscallArguments(0x10, 0x20, 0x30, ABI.constant("MS_NOSUID"))
        #expect(
            try cells("mount", words, [0x10: "none", 0x20: "/mnt", 0x30: "cgroup2"])
                == ["mount(cgroup2) cgroups", "mount(MS_NOSUID) mount"]
        )
    }

    @Test func pathsAreClasses() throws {
        let words = SyscallArguments(ABI.constant("AT_FDCWD"), 0x10)
        #expect(try cells("openat", words, [0x10: "/proc/17/ns/user"]).contains("openat(/proc/self/ns/*) namespaces"))
        #expect(try cells("openat", words, [0x10: "/sys/fs/cgroup/a/b"]).contains("openat(/sys/fs/cgroup/**) cgroups"))
    }

    @Test func subCommandsAreFoundByOneOrTwoArguments() throws {
        let nodelay = SyscallArguments(3, ABI.constant("SOL_TCP"), ABI.constant("TCP_NODELAY"))
        #expect(try cells("setsockopt", nodelay) == ["setsockopt(TCP_NODELAY) net"])
        let reuse = SyscallArguments(3, ABI.constant("SOL_SOCKET"), ABI.constant("SO_REUSEADDR"))
        #expect(try cells("setsockopt", reuse) == ["setsockopt(SO_REUSEADDR) net"])
        #expect(
            try cells("setsockopt", SyscallArguments(3, ABI.constant("SOL_TCP"), 999)) == [
                "setsockopt(SOL_TCP, 999) net"
            ]
        )
        #expect(try cells("ioctl", SyscallArguments(0, 0xffff_ffff_0000_5413)) == ["ioctl(TIOCGWINSZ) tty"])
        #expect(try cells("futex", SyscallArguments(0x1000, 0x80 | 9 | 0x100)) == ["futex(FUTEX_WAIT_BITSET) ipc"])
        let filter = SyscallArguments(ABI.constant("PR_SET_SECCOMP"), ABI.constant("SECCOMP_MODE_FILTER"), 0x10)
        #expect(try cells("prctl", filter) == ["prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER) security"])
    }
}
