// Calls written as text: what is written is what is encoded, and what is decoded again fits it.
import Testing

@testable import LinuxABI

@Suite struct LiteralTests {
    private func literal(_ text: String) throws -> Literal {
        var parser = LiteralParser(text)
        let value = try parser.value()
        let rest = parser.rest
        #expect(rest.isEmpty, "left over: \(rest)")
        return value
    }

    @Test(arguments: [
        ("3", 3), ("-1", -1), ("0644", 0o644), ("0x10", 16), ("0o17", 15), ("NULL", 0), ("AT_FDCWD", -100),
        ("O_RDWR|O_CREAT", 0o102), ("1+2*3", 7), ("1<<4", 16), ("(1+2)*3", 9), ("SIGKILL", 9), ("ENOENT", -2),
        ("makedev(1, 3)", 0x103), ("fd+1", 6),
    ]) func numbers(_ text: String, _ value: Int64) throws {
        #expect(try literal(text).number(["fd": 5]) == value)
    }

    @Test func textHasEscapesAndCanBeRepeated() throws {
        #expect(try literal(#""a\n\x41\0\"""#).evaluated([:]) == .text([97, 10, 65, 0, 34]))
        #expect(try literal(#""ab"*3 + "c""#).evaluated([:]) == .text(Array("abababc".utf8)))
    }

    @Test(arguments: [
        ("NOSUCH", "no description defines the constant NOSUCH"), ("", "a value is missing at the end"),
        (#""open"#, "a text has no end"), ("{=1}", "a field has no name before `=1}`"), ("0x", "`0x` is no number"),
        ("[1 2]", "`,` is missing before `2]`"), ("3:5", "an integer has 1, 2, 4 or 8 bytes"),
    ]) func problemsAreNamed(_ text: String, _ message: String) {
        do {
            _ = try literal(text)
            Issue.record("\(text) was read")
        } catch {
            #expect("\(error)" == message)
        }
    }

    /// Encodes a call and prints what the decoder sees in it.
    private func printed(_ name: String, _ arguments: String) throws -> String {
        var parser = LiteralParser(arguments + ")")
        var encoder = CallEncoder(base: 0x10000)
        let call = try encoder.encode(name, try parser.list(until: ")").values, names: [:])
        let decoded = call.variant.decode(call.words, result: nil, input: call.memory, output: call.memory)
        return Printer().arguments(call.variant, call.words, decoded).joined(separator: ", ")
    }

    @Test(arguments: [
        ("openat", #"AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC"#),
        ("write", #"1, "hello", 5"#),
        ("writev", #"1, ["one", "two"], 2"#),
        ("execve", #""/bin/sh", ["sh", "-c"], []"#),
        ("connect", #"3, {sa_family=AF_INET, sin_port=80, sin_addr="127.0.0.1"}, 16"#),
        (
            "connect",
            #"3, {sa_family=AF_INET6, sin6_port=80, sin6_flowinfo=0, sin6_addr="fe80::1", sin6_scope_id=2}, 28"#
        ),
        ("connect", #"3, {sa_family=AF_UNIX, sun_path="/run/s"}, 9"#),
        ("bind", #"3, {sa_family=AF_NETLINK, nl_pid=7, nl_groups=0x1}, 12"#),
        ("nanosleep", "{tv_sec=1, tv_nsec=5}, NULL"),
        ("epoll_ctl", "3, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, data=0x7}"),
        ("rt_sigprocmask", "SIG_BLOCK, [SIGINT SIGTERM], NULL, 8"),
        ("semop", "1, [{sem_num=0, sem_op=-1, sem_flg=IPC_NOWAIT}], 1"),
    ]) func whatIsWrittenIsWhatIsDecoded(_ name: String, _ arguments: String) throws {
        // strace parts members of a signal set by spaces.
        let written =
            name == "rt_sigprocmask" ? arguments.replacing("SIGINT SIGTERM", with: "SIGINT, SIGTERM") : arguments
        let expected = name == "execve" ? arguments.replacing("[]", with: "") : arguments
        let shown = try printed(name, written)
        #expect(name == "execve" ? shown.hasPrefix(expected) : shown.hasPrefix(expected), "\(shown)")
    }

    @Test func messagesHoldVectorsAndDescriptors() throws {
        let text = try printed(
            "sendmsg",
            #"3, {msg_iov=["ab"], msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5, 6]}]}, 0"#
        )
        #expect(text.contains(#"msg_iov=["ab"]"#), "\(text)")
        #expect(text.contains("cmsg_type=SCM_RIGHTS, cmsg_data=[5, 6]"), "\(text)")
    }

    @Test func placesStayWhereTheyAre() throws {
        var encoder = CallEncoder(base: 0x10000)
        let first = try encoder.encode("futex", try list("[5]@w, FUTEX_WAIT, 5, NULL"), names: [:])
        let second = try encoder.encode("futex", try list("[6]@w, FUTEX_WAIT, 6, NULL"), names: [:])
        #expect(first.words[0] == second.words[0])
        #expect(second.memory.read(second.words[0], count: 4) == .bytes([6, 0, 0, 0]))
    }

    private func list(_ text: String) throws -> [Literal] {
        var parser = LiteralParser(text + ")")
        return try parser.list(until: ")").values
    }

    @Test func outputBindsNamesAndIsCompared() throws {
        var names: Literal.Names = ["w": 4]
        let value = Value.list([.scalar(3, .fd, .exact), .scalar(4, .fd, .exact)], .exact)
        #expect(value.mismatch(try literal("[r, w]"), &names) == nil)
        #expect(names["r"] == 3)
        #expect(value.mismatch(try literal("[4, w]"), &names) == "[0]: it is 3")
        #expect(value.mismatch(try literal("[!4, ...]"), &names) == nil)
        #expect(value.mismatch(try literal("[>2, _]"), &names) == nil)
        let text = Value.string(Array("4.4.0-19041-Microsoft".utf8), .exact)
        #expect(text.mismatch(try literal(#"~"Microsoft""#), &names) == nil)
        #expect(text.mismatch(try literal(#"~"microsoft""#), &names) != nil)
    }

    @Test func whatDoesNotFitIsRefused() {
        for (name, arguments, message) in [
            ("nosuch", "", "there is no call nosuch"), ("read", "fd, _, 1", "fd: nothing is called fd"),
            ("nanosleep", "{tv_min=1}, NULL", "rqtp: struct timespec has no field tv_min"),
        ] {
            var encoder = CallEncoder(base: 0x10000)
            do {
                _ = try encoder.encode(name, try list(arguments), names: [:])
                Issue.record("\(name) was encoded")
            } catch {
                #expect("\(error)" == message)
            }
        }
    }
}
