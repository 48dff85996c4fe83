// How a call site is rewritten so that it jumps to a slot, while the `syscall` instruction's end stays where it was.
//
// A thread may be parked at the site: it returns to the byte after the instruction, which must stay code. Two forms leave
// it alone. "mov-eax" replaces the five bytes of `mov $number, %eax` up to 16 bytes before; the `syscall` stays, for
// whoever jumps right to it. "springboard" makes the instruction itself a two-byte jump to padding after a `ret`, which
// holds the long jump.

/// What to write for one site; offsets are relative to the `syscall` instruction.
struct SiteRewrite: Hashable {
    enum Form: Hashable {
        /// The `mov` is at `-distance`; what is between it and the call, the `mov` included, moves to the slot.
        case movEax(distance: Int)
        /// Five bytes of padding at `padding`.
        case springboard(padding: Int)
    }
    var form: Form
    /// Instructions that the slot executes first.
    var moved: [UInt8] = []

    /// How far before and after a site its surroundings are looked at.
    static let before = 144
    static let after = 160

    /// - Parameters:
    ///   - code: bytes around the site; `site` is the index of the `syscall` instruction in it.
    ///   - address: where the instruction is.
    ///   - number: the call that it made; nil: any that its `mov` gives.
    ///   - isShared: other threads may be running the code: what they can run is changed within one aligned word.
    init?(_ code: [UInt8], site: Int, address: UInt64, number: UInt32?, isShared: Bool) {
        guard site + 2 <= code.count, code[site] == 0x0f, code[site + 1] == 0x05 else { return nil }
        let moved = SiteRewrite.movedCode(code, site, number)
        if let moved, !isShared || (address - UInt64(moved.count)) & 7 <= 3 {
            form = .movEax(distance: moved.count)
            self.moved = moved
        } else if !isShared || address & 7 != 7, let padding = SiteRewrite.padding(code, site, address) {
            form = .springboard(padding: padding - site)
        } else {
            return nil
        }
    }

    /// `mov $number, %eax` and plain register moves up to the site.
    private static func movedCode(_ code: [UInt8], _ site: Int, _ number: UInt32?) -> [UInt8]? {
        for distance in 5...16 where site > distance {
            let start = site - distance
            guard code[start] == 0xb8, code[start - 1] & 0xf0 != 0x40 else { continue }
            let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(code[start + 1 + $1]) << UInt32(8 * $1) }
            guard number == nil ? value < 512 : value == number else { continue }
            var position = start + 5
            while position < site, let length = moveLength(code[position..<site]) { position += length }
            if position == site { return Array(code[start..<site]) }
        }
        return nil
    }

    /// Length of a register move, register clear or immediate load; nil for anything else.
    private static func moveLength(_ code: ArraySlice<UInt8>) -> Int? {
        let first = code[code.startIndex]
        func byte(_ index: Int) -> UInt8? { index < code.count ? code[code.startIndex + index] : nil }
        var length: Int?
        if (0xba...0xbf).contains(first), first != 0xbc {
            length = 5
        } else if first == 0x41, let second = byte(1), (0xb8...0xba).contains(second) {
            length = 6
        } else if first == 0x31 || first == 0x89, let second = byte(1), second >= 0xc0 {
            length = 2
        } else if [0x48, 0x49, 0x4c, 0x4d, 0x45, 0x44, 0x41].contains(first), let second = byte(1),
            [0x89, 0x31, 0x63].contains(second), let third = byte(2), third >= 0xc0
        {
            length = 3
        }
        guard let length, length <= code.count else { return nil }
        return length
    }

    /// Index of five bytes of padding after a `ret`, within reach of a short jump.
    private static func padding(_ code: [UInt8], _ site: Int, _ address: UInt64) -> Int? {
        for start in max(1, site - 120)..<min(code.count - 5, site + 125) where code[start - 1] == 0xc3 {
            var end = start
            while let length = noOperation(code, end) {
                end += length
                if (address &+ UInt64(bitPattern: Int64(end - site))) & 15 == 0 { break }
            }
            // Padding fills up to the next function.
            guard end - start >= 5, (address &+ UInt64(bitPattern: Int64(end - site))) & 15 == 0 else { continue }
            let distance = start - (site + 2)
            guard (-128...127).contains(distance), start + 5 <= site || start >= site + 2 else { continue }
            return start
        }
        return nil
    }

    private static let noOperations: [[UInt8]] = [
        [0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], [0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        [0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], [0x0f, 0x1f, 0x80, 0, 0, 0, 0],
        [0x66, 0x0f, 0x1f, 0x44, 0, 0], [0x0f, 0x1f, 0x44, 0, 0], [0x0f, 0x1f, 0x40, 0], [0x0f, 0x1f, 0],
        [0x66, 0x90], [0x90], [0xcc],
    ]

    private static func noOperation(_ code: [UInt8], _ index: Int) -> Int? {
        noOperations.first { $0.count <= code.count - index && code[index..<index + $0.count].elementsEqual($0) }?
            .count
    }

    // MARK: - Whole files

    /// All sites in a piece of code that are surely calls, by index: those that their `mov` gives away, and those whose
    /// result is at once compared with -4095, as C libraries do.
    static func sites(in code: [UInt8], at address: UInt64) -> [(index: Int, rewrite: SiteRewrite)] {
        let compared: [UInt8] = [0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff]
        var result: [(Int, SiteRewrite)] = []
        var taken: Set<Int> = []
        var index = 16
        while index + 8 < code.count {
            defer { index += 1 }
            guard code[index] == 0x0f, code[index + 1] == 0x05 else { continue }
            let start = max(0, index - before)
            let around = Array(code[start..<min(code.count, index + after)])
            let site = index - start
            guard
                let rewrite = SiteRewrite(
                    around,
                    site: site,
                    address: address + UInt64(index),
                    number: nil,
                    isShared: false
                )
            else { continue }
            if case .springboard(let padding) = rewrite.form {
                guard code[(index + 2)..<(index + 8)].elementsEqual(compared),
                    taken.insert(index + padding).inserted
                else { continue }
            }
            result.append((index, rewrite))
        }
        return result
    }

    // MARK: - What to write

    static let slotSize = 64

    /// The slot: the moved code, then to the gate with rcx = the address after the slot's own `syscall`, which is there
    /// for calls that the agent leaves to the supervisor.
    func slot(at slot: UInt64, site: UInt64, gate: UInt64) -> [UInt8] {
        var code = moved
        code += [0x48, 0x8d, 0x0d] + SiteRewrite.word(8)  // lea 8(%rip), %rcx
        // jmp *gate(%rip); the address is in the slot's last eight bytes.
        code += [0xff, 0x25] + SiteRewrite.word(Int32(SiteRewrite.slotSize - 8 - (code.count + 6)))
        code += [0x0f, 0x05]
        code += SiteRewrite.jump(from: slot + UInt64(code.count), to: site + 2)
        code += [UInt8](repeating: 0xcc, count: SiteRewrite.slotSize - 8 - code.count)
        for shift in 0..<8 { code.append(UInt8(truncatingIfNeeded: gate >> UInt64(shift * 8))) }
        return code
    }

    /// Writes to the program's code, in order. Nobody runs the padding that the first of a springboard's two changes.
    func writes(slot: UInt64, site: UInt64) -> [(address: UInt64, bytes: [UInt8])] {
        switch form {
        case .movEax(let distance):
            let start = site - UInt64(distance)
            return [(start, SiteRewrite.jump(from: start, to: slot))]
        case .springboard(let padding):
            let start = site &+ UInt64(bitPattern: Int64(padding))
            return [
                (start, SiteRewrite.jump(from: start, to: slot)),
                (site, [0xeb, UInt8(bitPattern: Int8(padding - 2))]),
            ]
        }
    }

    /// Where the padding is that the rewrite of a site takes.
    func padding(of site: UInt64) -> UInt64? {
        guard case .springboard(let padding) = form else { return nil }
        return site &+ UInt64(bitPattern: Int64(padding))
    }

    /// Whether a jump between the two reaches.
    static func reaches(_ slot: UInt64, _ site: UInt64) -> Bool {
        let distance = slot > site ? slot - site : site - slot
        return distance < 0x7ff0_0000
    }

    private static func jump(from: UInt64, to: UInt64) -> [UInt8] {
        [0xe9] + word(Int32(truncatingIfNeeded: Int64(bitPattern: to &- (from + 5))))
    }
    private static func word(_ value: Int32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> Int32($0 * 8)) }
    }
}
