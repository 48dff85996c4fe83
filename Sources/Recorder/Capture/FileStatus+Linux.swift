// File metadata from what the kernel writes for stat and statx.
import Glibc
import TraceLog

extension FileStatus {
    /// From the bytes of a `struct stat`.
    init?(stat bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= MemoryLayout<stat>.size else { return nil }
        self.init(bytes.loadUnaligned(as: stat.self))
    }

    /// From the bytes of a `struct statx` (linux/stat.h); nil if not all that stat tells is in it.
    init?(statx bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 0x90 else { return nil }
        func word(_ offset: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        func half(_ offset: Int) -> UInt32 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        func time(_ offset: Int) -> Int64 {
            Int64(bitPattern: word(offset)) &* 1_000_000_000 &+ Int64(half(offset + 8))
        }
        func device(_ offset: Int) -> UInt64 {
            let (major, minor) = (UInt64(half(offset)), UInt64(half(offset + 4)))
            return minor & 0xff | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | (major & ~0xfff) << 32
        }
        let basic: UInt32 = 0x7ff  // STATX_BASIC_STATS
        guard half(0) & basic == basic else { return nil }
        self.init()
        blockSize = Int64(half(4))
        links = UInt64(half(16))
        uid = half(20)
        gid = half(24)
        mode = UInt32(bytes.loadUnaligned(fromByteOffset: 28, as: UInt16.self))
        inode = word(32)
        size = Int64(bitPattern: word(40))
        blocks = Int64(bitPattern: word(48))
        accessTime = time(64)
        changeTime = time(96)
        modificationTime = time(112)
        specialDevice = device(128)
        self.device = device(136)
    }
}
