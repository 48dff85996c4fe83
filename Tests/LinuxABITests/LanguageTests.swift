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
                call 1/2 control(fd fd, cmd u32, arg ptr) -> status family=tty blocks=data
                sub control$GET(fd fd, cmd=GET enum[commands], arg out u32) -> status
                sub control$ODD(fd fd, cmd&0x100=0x100 u32, arg ptr) -> status family=net
                """
        )
        let call = try #require(parsed.byName["control"])
        #expect(call.variant(for: SyscallArguments(0, 1)).name == "GET")
        #expect(call.variant(for: SyscallArguments(0, 1)).families == [.tty])
        #expect(call.variant(for: SyscallArguments(0, 1)).blocking == .data)
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
        ("call 1/2 f() -> status blocks=luck", 1, "nothing that calls wait for"),
        ("call 1/2 f() -> status blocks=other", 1, "nothing that calls wait for"),
        ("call 1/2 f() -> status\ncall 1/3 g() -> status", 2, "number 1"),
        ("call 1/2 f()\ncall 2/3 f()", 2, "f: is there twice"),
        ("\nsub f$X(a u32) -> status", 2, "has no call"),
        ("call 1/2 f(a u32)\nsub f$X(a=1 u32)\nsub f$Y(a=1 u32)", 3, "never chosen"),
        ("bogus", 1, "does not begin"),
        ("struct s size 6 { a u64 }", 1, "fields need 8 bytes"),
        ("struct s size 13 { a u64 }", 1, "aligned to 8"),
        ("struct s { a u8 }\nstruct s { b u8 }", 2, "is there twice"),
        ("struct s {\n a u8\n a u8 }", 3, "'a' is there twice"),
        ("flags f { A=1 }\nflags f { B=2 }", 2, "is there twice"),
        ("enum e { A=1 }\nenum e { B=2 }", 2, "is there twice"),
        ("call 1/2 f(a u8, a u8)", 1, "'a' is there twice"),
        ("call 1/2 f(a u8, b u8, c u8, d u8, e u8, g u8, h u8)", 1, "more than six"),
        ("call 1/2 f() family=fs family=net", 1, "'family' is there twice"),
        ("call 1/2 f() color=red", 1, "no attribute"),
        ("call 1/2 f(a in cstring[nobody])", 1, "names nobody"),
        ("call 1/2 f(a flags[nobody])", 1, "flags nobody"),
        ("call 1/2 f(a u32@nearly)", 1, "no rule"),
        ("call 1/2 f(a in u32 when b&1)", 1, "is named 'b'"),
        ("call 1/2 f() cell=a", 1, "is named 'a'"),
        ("call 0x10/2 f()", 1, "no call number"),
        ("call 5000/2 f()", 1, "no call number"),
        ("enum e { A=NOBODY }", 1, "no known constant"),
        ("enum e { A=089 }", 1, "not a number"),
        ("enum e { A=0x1ffffffffffffffff }", 1, "not a number"),
        ("struct s { a bytes[0xffffffffffffffff] }", 1, "too large"),
        ("path /proc", 1, "expected 'family'"),
        ("struct s c=\"open { }", 1, "without an end"),
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

    /// Every construct of the language.
    private static let everything = """
        flags bits oct { TYPE_A=0/TYPES TYPE_B=1/TYPES TYPES=3 WIDE=FIRST|2@net FIRST=4 }
        enum kinds hex { ONE=1 LAST=-1 SHIFTED=1<<4 }
        names words { one@net two-three@fs }
        path /proc/self/ns/* family=namespaces
        struct pair packed { a u8, b be16 }
        struct whole size 64 c="struct whole" { p struct pair, q in buf[n] when n&1, n c="u.n" i32, t array[u16,2], x pad[2] }
        call 1/2 first(fd fd, s in struct whole, b out buf[min(n,ret)+8], n size, k enum[kinds,i32]) -> size@atmost family=fs
        sub first$ONE(fd fd+, s in struct whole[n], b inout array[struct pair,*n*2], n size, k=ONE enum[kinds]) -> fd+ blocks
        sub first$LAST(fd fd, s in cstring[words], b in path@always, n&FIRST=FIRST flags[bits,u64], k u32) cell=s,n+k
        call -/3 second(v in iovec[c], c u32, m out msghdr, s in sockaddr[c], x id[timer,i32]+, z ptr) opaque since=6.11
        """

    @Test func everyConstructIsAccepted() throws {
        let parsed = try Descriptions(text: LanguageTests.everything)
        #expect(parsed.constants["WIDE"] == 6)
        #expect(parsed.constants["LAST"] == UInt64.max)
        #expect(parsed.constants["SHIFTED"] == 16)
        #expect(parsed.flagSets["bits"]?.family(of: "WIDE") == .net)
        #expect(
            parsed.structures["whole"]?.fields.first { $0.name == "q" }?.condition
                == PointerCondition(index: 2, mask: 1)
        )
        #expect(parsed.byName["first"]?.variants.map(\.name) == ["ONE", "LAST"])
        #expect(parsed.byName["second"]?.isOpaque == true)
        #expect(parsed.call(3, .arm64)?.name == "second")
        #expect(parsed.call(3, .x86_64) == nil)
    }

    /// Whatever the text, there is an answer: a table, or an error that names a line of the text.
    @Test func damagedTextIsAnErrorAndNeverACrash() {
        let text = Array(LanguageTests.everything.utf8)
        let lines = text.count { $0 == 10 } + 1
        func parse(_ bytes: some Collection<UInt8>) {
            do {
                _ = try Descriptions(text: String(decoding: bytes, as: UTF8.self))
            } catch {
                #expect((1...lines + 1).contains(error.line), "\(error)")
            }
        }
        for end in text.indices { parse(text[..<end]) }
        for index in text.indices {
            for byte in "}{][)(=@+*&|-9 \n\"#".utf8 {
                var damaged = text
                damaged[index] = byte
                parse(damaged)
            }
        }
    }

    /// `@rule`, `@always` and `when` after a pointee's type are the pointer's.
    @Test func pointersTakeWhatFollowsTheirPointee() throws {
        let parsed = try Descriptions(
            text: """
                struct pair { a u32@ignored, b pid@renamed }
                call 1/2 f(n u32, a out buf[n]@class, b out array[u32,n]@set@always, c inout struct pair@exact, d out pid when n&4, e out pid@renamed)
                call 2/3 g(n u32, c out struct pair)
                """
        )
        let arguments = try #require(parsed.byName["f"]?.plain.arguments)
        let rules = arguments.map { argument -> Rule? in
            if case .pointer(_, _, let rule) = argument.type { rule } else { nil }
        }
        #expect(rules == [nil, .class, .set, .exact, nil, nil])
        #expect(arguments.map(\.isAlways) == [false, false, true, false, false, false])
        #expect(arguments[4].condition == PointerCondition(index: 0, mask: 4))

        let memory = MemoryChunks([.init(address: 0x10, bytes: [1, 0, 0, 0, 2, 0, 0, 0])])
        func output(_ name: String, _ words: SyscallArguments, _ result: Int64) -> [Value.Field]? {
            parsed.byName[name]?.plain.decode(words, result: result, input: memory, output: memory).output
        }
        let all = SyscallArguments(1, 0x10, 0x10, 0x10, 0x10, 0x10)
        let one = Value.scalar(1, .unsigned, .exact)
        let values = try #require(output("f", all, 0))
        #expect(values.map(\.name) == ["a", "b", "c", "e"])
        #expect(values[0].value == .bytes([1], fullLength: 1, .class))
        #expect(values[1].value == .list([one], .set))
        #expect(values[2].value == .structure([.init("a", one), .init("b", .scalar(2, .id, .exact))]))
        #expect(values[3].value == .scalar(1, .id, .renamed(.pid)))
        #expect(output("f", all, -22)?.map(\.name) == ["b"])
        #expect(
            output("g", SyscallArguments(1, 0x10), 0)?.first?.value
                == .structure([
                    .init("a", .scalar(1, .unsigned, .ignored)), .init("b", .scalar(2, .id, .renamed(.pid))),
                ])
        )
    }

    /// `sub f$M(a=-1 i32)` holds for the register 0xffffffff.
    @Test func negativeSelectorsHaveTheirArgumentsWidth() throws {
        let parsed = try Descriptions(
            text: "call 1/2 f(a i32, b u32)\nsub f$M(a=-1 i32, b u32)\nsub f$N(a=-2 i32, b u32)"
        )
        let call = try #require(parsed.byName["f"])
        #expect(call.variant(for: SyscallArguments(0xffff_ffff)).name == "M")
        #expect(call.variant(for: SyscallArguments(UInt64(bitPattern: -2))).name == "N")
        #expect(call.variant(for: SyscallArguments(0xffff_fffd)).name == "")
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
