// siginfo_t: which member of its union holds depends on the signal and on who sent it.

extension Decoder {
    /// Source: kernel/signal.c, siginfo_layout(); offsets of x86-64 and arm64 (asm-generic/siginfo.h).
    func signalInformation(_ structure: StructDescription, _ bytes: ArraySlice<UInt8>) -> Value {
        func word(_ offset: Int, _ size: Int) -> UInt64 {
            bytes.dropFirst(offset).prefix(size).littleEndian()
        }
        func number(_ offset: Int) -> Int64 { Int64(Int32(truncatingIfNeeded: word(offset, 4))) }
        var fields: [Value.Field] = []
        func add(_ name: String, _ value: Int64, _ format: ScalarFormat, _ rule: Rule) {
            fields.append(Value.Field(name, .scalar(value, format, rule)))
        }
        func sender() {
            add("si_pid", number(16), .id, .renamed(.pid))
            add("si_uid", number(20), .id, .exact)
        }
        let (signal, code) = (number(0), number(8))
        add("si_signo", signal, .signal, .exact)
        add("si_errno", number(4), .signed, .exact)
        let codes = signal == 17 && code > 0 && code < 0x80 ? "child_codes" : "siginfo_codes"
        add("si_code", code, ABI.enumeration(codes).map { .enumeration($0) } ?? .signed, .exact)
        switch (code, signal) {
        case (-2, _):  // SI_TIMER
            add("si_timerid", number(16), .id, .renamed(.timer))
            add("si_overrun", number(20), .signed, .ignored)
            add("si_value", Int64(bitPattern: word(24, 8)), .hex, .exact)
        case (-5, _), (1..<0x80, 29):  // SI_SIGIO, SIGIO
            add("si_band", Int64(bitPattern: word(16, 8)), .hex, .exact)
            add("si_fd", number(24), .fd, .renamed(.fd))
        case (..<0, _) where code != -6:  // SI_QUEUE, SI_MESGQ, …; not SI_TKILL
            sender()
            add("si_value", Int64(bitPattern: word(24, 8)), .hex, .exact)
        case (1..<0x80, 17):  // SIGCHLD
            sender()
            add("si_status", number(24), code == 1 ? .signed : .signal, .exact)
            add("si_utime", Int64(bitPattern: word(32, 8)), .signed, .ignored)
            add("si_stime", Int64(bitPattern: word(40, 8)), .signed, .ignored)
        case (1..<0x80, 4), (1..<0x80, 5), (1..<0x80, 7), (1..<0x80, 8), (1..<0x80, 11):
            // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV
            add("si_addr", Int64(bitPattern: word(16, 8)), .address, .renamed(.address))
        case (1..<0x80, 31):  // SIGSYS
            add("si_call_addr", Int64(bitPattern: word(16, 8)), .address, .renamed(.address))
            add("si_syscall", number(24), .signed, .exact)
            add("si_arch", Int64(word(28, 4)), .hex, .exact)
        default: sender()
        }
        return .structure(fields)
    }
}
