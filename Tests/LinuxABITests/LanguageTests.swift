// The description language: what it accepts, how it lays structs out, what it refuses and where.
import Testing

@testable import LinuxABI

@Suite struct LanguageTests {
    @Test func structsAreLaidOutAsCDoes() throws {
        let parsed = try Descriptions(
            text: """
                struct inner { a u8, b u32 }
                struct outer size 40 { x u16, y struct inner, z u64, w array[u16,3] }
                struct tight packed { a u32, b u64 }
                """
        )
        let outer = try #require(parsed.structures["outer"])
        #expect(outer.fields.map(\.offset) == [0, 4, 16, 24])
        #expect(outer.size == 40)
        #expect(parsed.structures["inner"]?.size == 8)
        #expect(parsed.structures["tight"]?.fields.map(\.offset) == [0, 4])
        #expect(parsed.structures["tight"]?.size == 12)
    }

    @Test func subsInheritAttributesAndAreChosenBySelectors() throws {
        let parsed = try Descriptions(
            text: """
                enum commands { GET=1 SET=2 }
                call 1/2 control(fd fd, cmd u32, arg ptr) -> status family=tty blocks
                sub control$GET(fd fd, cmd=GET enum[commands], arg out u32) -> status
                sub control$ODD(fd fd, cmd&0x100=0x100 u32, arg ptr) -> status family=net
                """
        )
        let call = try #require(parsed.byName["control"])
        #expect(call.variant(for: SyscallArguments(0, 1)).name == "GET")
        #expect(call.variant(for: SyscallArguments(0, 1)).families == [.tty])
        #expect(call.variant(for: SyscallArguments(0, 1)).mayBlock)
        #expect(call.variant(for: SyscallArguments(0, 0x101)).name == "ODD")
        #expect(call.variant(for: SyscallArguments(0, 0x101)).families == [.net])
        #expect(call.variant(for: SyscallArguments(0, 7)).name == "")
        // The upper half of a register does not count for a 32-bit argument.
        #expect(call.variant(for: SyscallArguments(0, 0xffff_ffff_0000_0001)).name == "GET")
    }

    @Test(arguments: [
        ("call 1/2 f(a nonsense) -> status", 1, "no type"),
        ("call 1/2 f(a u32 -> status", 1, "expected"),
        ("\n\nstruct s { a struct t }", 3, "not described"),
        ("struct s { a struct s }", 1, "contains itself"),
        ("flags f { A=1 }\nflags g { A=2 }", 2, "elsewhere"),
        ("call 1/2 f(a in buf[b]) -> status", 1, "is named 'b'"),
        ("call 1/2 f() -> status family=nowhere", 1, "no family"),
        ("call 1/2 f() -> status\ncall 1/3 g() -> status", 0, "number 1"),
        ("sub f$X(a u32) -> status", 1, "has no call"),
        ("bogus", 1, "does not begin"),
    ])
    func mistakesAreReportedWithTheirLine(text: String, line: Int, message: String) {
        do {
            _ = try Descriptions(text: text)
            Issue.record("accepted: \(text)")
        } catch {
            #expect(error.line == line)
            #expect(error.message.contains(message), "\(error)")
        }
    }

    @Test func multiBitFlagsPrintOnce() throws {
        let set = try #require(ABI.flagSet("open_flags"))
        #expect(set.names(in: ABI.constant("O_RDWR") | ABI.constant("O_SYNC")).names.sorted() == ["O_RDWR", "O_SYNC"])
        #expect(set.names(in: 0).names == ["O_RDONLY"])
    }

    @Test func errnosHaveNamesAndTexts() {
        #expect(Errno.ENOENT.name == "ENOENT")
        #expect(Errno.ENOENT.text == "No such file or directory")
        #expect(Errno(name: "EWOULDBLOCK") == .EAGAIN)
        #expect(Errno(result: -512)?.name == "ERESTARTSYS")
        #expect(Errno(result: 5) == nil)
        #expect(Errno(result: -5000) == nil)
    }
}
