// Go's goroutines begin with stacks of 2 KiB and keep about 800 bytes for what does not ask for more: too little for the
// agent below a deep chain of calls.
import Glibc

enum GoProgram {
    /// Whether an executable is Go's: its ELF notes have the linker's build id (name `Go`, type 4).
    static func isOne(path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        func read(_ offset: UInt64, _ count: Int) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                initialized = max(0, pread(file, buffer.baseAddress, count, off_t(truncatingIfNeeded: offset)))
            }
        }
        let header = read(0, 64)
        guard header.count == 64, header.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2]) else { return false }
        let table = header.word(32)
        let (size, count) = (Int(header.word(54) & 0xffff), Int(header.word(56) & 0xffff))
        guard size == 56, count <= 64 else { return false }
        let segments = read(table, size * count)
        for start in stride(from: 0, to: segments.count - size + 1, by: size)
        where segments.word(start) & 0xffff_ffff == 4 {
            if hasBuildID(read(segments.word(start + 8), Int(min(segments.word(start + 32), 4096)))) { return true }
        }
        return false
    }

    /// `{name size, description size, type}`, then both, padded to 4.
    private static func hasBuildID(_ notes: [UInt8]) -> Bool {
        var position = 0
        while position + 16 <= notes.count {
            let (name, description) = (notes.word(position) & 0xffff_ffff, notes.word(position) >> 32)
            let type = notes.word(position + 8) & 0xffff_ffff
            if name == 4, type == 4, notes[(position + 12)..<(position + 16)].elementsEqual([0x47, 0x6f, 0, 0]) {
                return true
            }
            guard name <= 4096, description <= 4096 else { return false }
            position += 12 + Int((name + 3) & ~3) + Int((description + 3) & ~3)
        }
        return false
    }
}

extension [UInt8] {
    /// Eight little-endian bytes; what lies beyond the end is zero.
    fileprivate func word(_ offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | (offset + $1 < count ? UInt64(self[offset + $1]) << UInt64($1 * 8) : 0) }
    }
}
