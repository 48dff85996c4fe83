// Calls print as strace prints them.
import Testing

@testable import LinuxABI

private func words(_ values: UInt64...) -> [UInt8] {
    values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) } }
}

private func line(
    _ name: String,
    _ arguments: SyscallArguments,
    _ result: Int64?,
    input: [UInt64: [UInt8]] = [:],
    output: [UInt64: [UInt8]] = [:]
) throws -> String {
    let variant = try #require(ABI.call(named: name)).variant(for: arguments)
    func chunks(_ memory: [UInt64: [UInt8]]) -> MemoryChunks {
        MemoryChunks(memory.sorted { $0.key < $1.key }.map { .init(address: $0.key, bytes: $0.value) })
    }
    let decoded = variant.decode(arguments, result: result, input: chunks(input), output: chunks(output))
    return Printer().line(variant, arguments, decoded, result: result)
}

private func cells(_ name: String, _ arguments: SyscallArguments, _ memory: [UInt64: [UInt8]] = [:]) throws -> [String]
{
    let variant = try #require(ABI.call(named: name)).variant(for: arguments)
    return variant.cells(arguments, memory: MemoryChunks(memory.map { .init(address: $0.key, bytes: $0.value) })).map(
        \.description
    )
}

@Suite struct PrinterTests {
    let current = UInt64(bitPattern: -100)

    @Test func openat() throws {
        #expect(
            try line(
                "openat",
                SyscallArguments(current, 0x10, ABI.constant("O_RDONLY") | ABI.constant("O_CLOEXEC")),
                3,
                input: [0x10: Array("/etc/passwd\0".utf8)]
            ) == #"openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3"#
        )
        #expect(
            try line(
                "openat",
                SyscallArguments(current, 0x10, 0o1101, 0o644),
                -2,
                input: [0x10: Array("a\"b\n\0".utf8)]
            )
                == #"openat(AT_FDCWD, "a\"b\n", O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 ENOENT (No such file or directory)"#
        )
    }

    @Test func buffersAreCutAndEscaped() throws {
        #expect(
            try line("write", SyscallArguments(1, 0x10, 4), 4, input: [0x10: [0x41, 0, 0x31, 0xff]])
                == #"write(1, "A\0001\377", 4) = 4"#
        )
        let long = [UInt8](repeating: 0x78, count: 40)
        #expect(
            try line("read", SyscallArguments(0, 0x10, 100), 40, output: [0x10: long])
                == "read(0, \"\(String(repeating: "x", count: 32))\"..., 100) = 40"
        )
    }

    @Test func badPointersShowAsAddresses() throws {
        #expect(
            try line("write", SyscallArguments(1, 0x10, 4), -14) == "write(1, 0x10, 4) = -1 EFAULT (Bad address)"
        )
    }

    @Test func flagsWithoutANameAreShown() throws {
        #expect(
            try line("unshare", SyscallArguments(0x1000_0001), -22).hasPrefix("unshare(CLONE_NEWUSER|0x1) = -1 EINVAL")
        )
    }

    @Test func unfinishedAndRestartedCalls() throws {
        #expect(try line("exit_group", SyscallArguments(1), nil) == "exit_group(1) = ?")
        #expect(
            try line("read", SyscallArguments(0, 0x10, 1), -512)
                == "read(0, 0x10, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"
        )
    }

    @Test func socketAddresses() throws {
        let inet: [UInt8] = [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(
            try line("connect", SyscallArguments(3, 0x10, 16), 0, input: [0x10: inet]).contains(
                #"{sa_family=AF_INET, sin_port=80, sin_addr="127.0.0.1"}"#
            )
        )
        let unix: [UInt8] = [1, 0, 0] + Array("abstract".utf8)
        #expect(
            try line("bind", SyscallArguments(3, 0x10, UInt64(unix.count)), 0, input: [0x10: unix]).contains(
                #"sun_path="@abstract""#
            )
        )
    }

    @Test func structuresHaveTheirFields() throws {
        #expect(
            try line("nanosleep", SyscallArguments(0x10, 0), 0, input: [0x10: words(1, 500)])
                == "nanosleep({tv_sec=1, tv_nsec=500}, NULL) = 0"
        )
    }

    @Test func cellsNameTheSelectingFlags() throws {
        #expect(
            try cells("unshare", SyscallArguments(ABI.constant("CLONE_NEWUSER") | ABI.constant("CLONE_NEWNS"))).sorted()
                == ["unshare(CLONE_NEWNS)", "unshare(CLONE_NEWUSER)"]
        )
        #expect(
            try cells("socket", SyscallArguments(ABI.constant("AF_NETLINK"), 3, ABI.constant("NETLINK_AUDIT"))).contains
            {
                $0.contains("AF_NETLINK") && $0.contains("NETLINK_AUDIT")
            }
        )
        #expect(try cells("ioctl", SyscallArguments(0, ABI.constant("TIOCGWINSZ"), 0)) == ["ioctl(TIOCGWINSZ)"])
        #expect(
            try cells("openat", SyscallArguments(current, 0x10, 0), [0x10: Array("/proc/123/ns/user\0".utf8)]).contains
            {
                $0.hasSuffix("(/proc/self/ns/*)")
            }
        )
        #expect(try cells("getpid", SyscallArguments()) == ["getpid"])
    }
}
