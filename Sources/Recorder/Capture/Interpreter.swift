// Which interpreter an executable asks for.
import Glibc

struct Interpreter {
    var path: [UInt8]
    /// PT_INTERP, as opposed to a `#!` line.
    var isLoader: Bool

    /// nil for a static program, or a file that is not executable as such.
    static func of(_ file: UnsafePointer<CChar>) -> Interpreter? {
        let fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var head = [UInt8](repeating: 0, count: 4096)
        let count = pread(fd, &head, head.count, 0)
        guard count > 4 else { return nil }
        head.removeLast(head.count - count)
        if head[0] == UInt8(ascii: "#"), head[1] == UInt8(ascii: "!") {
            let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
            let path = line.drop { $0 == 32 || $0 == 9 }.prefix { $0 != 32 && $0 != 9 }
            return path.isEmpty ? nil : Interpreter(path: Array(path), isLoader: false)
        }
        guard head.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2]) else { return nil }  // ELFCLASS64
        return head.withUnsafeBytes { bytes in
            guard bytes.count >= 64 else { return nil }
            let table = Int(bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
            let size = Int(bytes.loadUnaligned(fromByteOffset: 54, as: UInt16.self))
            let entries = Int(bytes.loadUnaligned(fromByteOffset: 56, as: UInt16.self))
            for index in 0..<entries where table >= 64 && table + (index + 1) * size <= bytes.count && size >= 56 {
                let entry = table + index * size
                guard bytes.loadUnaligned(fromByteOffset: entry, as: UInt32.self) == 3 else { continue }  // PT_INTERP
                let offset = Int(bytes.loadUnaligned(fromByteOffset: entry + 8, as: UInt64.self))
                let length = min(4096, Int(bytes.loadUnaligned(fromByteOffset: entry + 32, as: UInt64.self)))
                var path = [UInt8](repeating: 0, count: length)
                guard pread(fd, &path, length, off_t(offset)) == length else { return nil }
                return Interpreter(path: Array(path.prefix { $0 != 0 }), isLoader: true)
            }
            return nil
        }
    }
}
