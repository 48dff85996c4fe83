// The code that brings the agent into a new program: written over the program's own at its first system call, and gone
// before the program goes on.
import LinuxABI
import RecorderAgent

/// The recorder answers the program's first call without running it, so that the program goes on into this code: it maps
/// the agent, calls `agent_start`, restores all registers and makes the call again. The original code is put back when
/// that call is notified.
struct Bootstrap {
    /// Runs at the address after the `syscall` instruction.
    let code: [UInt8]

    init(
        number: UInt32,
        imageSize: Int,
        descriptor: Int32,
        rings: UInt64,
        slots: UInt64,
        moreSlots: UInt64
    ) {
        var code: [UInt8] = []
        func word(_ value: Int32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> Int32($0 * 8)) } }
        func long(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) } }
        let gate = UInt64(AGENT_GATE)
        code += [0x48, 0x8d, 0x64, 0x24, 0x80]  // lea -128(%rsp), %rsp: leave the red zone alone
        code += [0x57, 0x56, 0x52, 0x41, 0x52, 0x41, 0x50, 0x41, 0x51]  // push rdi, rsi, rdx, r10, r8, r9
        // mmap(gate, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, image, 0)
        code += [0xb8] + word(Bootstrap.mmap)
        code += [0x48, 0xbf] + long(gate)
        code += [0xbe] + word(Int32(imageSize))
        code += [0xba] + word(Bootstrap.protection)
        code += [0x41, 0xba] + word(Bootstrap.flags)
        code += [0x41, 0xb8] + word(descriptor)
        code += [0x45, 0x31, 0xc9]  // xor %r9d, %r9d
        code += [0x0f, 0x05]
        code += [0x48, 0x85, 0xc0]  // test %rax, %rax
        code += [0x78, 0]  // js restore
        let branch = code.count
        // agent_start(descriptor, rings, slots, moreSlots)
        code += [0xbf] + word(descriptor)
        code += [0x48, 0xbe] + long(rings)
        code += [0x48, 0xba] + long(slots)
        code += [0x48, 0xb9] + long(moreSlots)
        code += [0x48, 0xb8] + long(gate + UInt64(agent_start_offset()))
        code += [0xff, 0xd0]  // call *%rax
        code[branch - 1] = UInt8(code.count - branch)
        code += [0x41, 0x59, 0x41, 0x58, 0x41, 0x5a, 0x5a, 0x5e, 0x5f]
        code += [0x48, 0x8d, 0xa4, 0x24] + word(128)
        code += [0xb8] + word(Int32(bitPattern: number))
        code += [0xe9] + word(-Int32(code.count + 5 + 2))  // back to the syscall instruction
        self.code = code
    }

    /// Bytes of code, whatever the parameters.
    static let size = Bootstrap(
        number: 0,
        imageSize: 0,
        descriptor: 0,
        rings: 0,
        slots: 0,
        moreSlots: 0
    ).code.count

    private static let mmap = Int32(CallNumber.number("mmap"))
    private static let protection = Int32(ABI.constant("PROT_READ") | ABI.constant("PROT_EXEC"))
    private static let flags = Int32(ABI.constant("MAP_PRIVATE") | ABI.constant("MAP_FIXED_NOREPLACE"))
}
