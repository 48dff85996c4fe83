// File metadata as the bytes that stat(2) itself writes on x86-64, so that both are stored once.

/// Which optional parts a path record has.
enum PathFlag {
    static let none: UInt64 = 0
    static let absent: UInt64 = 1
    static let link: UInt64 = 2
    static let head: UInt64 = 4
    static let status: UInt64 = 8
    static let prefix: UInt64 = 16
}

extension FileStatus {
    /// `sizeof(struct stat)` on x86-64.
    static let layoutSize = 144

    /// `struct stat` of x86-64 (asm/stat.h), whatever the traced architecture.
    var layout: [UInt8] {
        let sink = ByteSink(capacity: Self.layoutSize)
        sink.appendFixed(device)
        sink.appendFixed(inode)
        sink.appendFixed(links)
        sink.appendFixed(mode)
        sink.appendFixed(uid)
        sink.appendFixed(gid)
        sink.appendFixed(UInt32(0))
        sink.appendFixed(specialDevice)
        sink.appendFixed(size)
        sink.appendFixed(blockSize)
        sink.appendFixed(blocks)
        for time in [accessTime, modificationTime, changeTime] {
            let (seconds, nanoseconds) = Self.split(time)
            sink.appendFixed(seconds)
            sink.appendFixed(nanoseconds)
        }
        for _ in 0..<3 { sink.appendFixed(UInt64(0)) }
        return Array(sink.bytes)
    }

    /// nil if these are not 144 bytes.
    init?(layout: UnsafeRawBufferPointer) {
        guard layout.count == Self.layoutSize else { return nil }
        self.init()
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: layout.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func half(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: layout.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        func time(_ offset: Int) -> Int64 {
            Int64(bitPattern: word(offset)) &* 1_000_000_000 &+ Int64(bitPattern: word(offset + 8))
        }
        device = word(0)
        inode = word(8)
        links = word(16)
        mode = half(24)
        uid = half(28)
        gid = half(32)
        specialDevice = word(40)
        size = Int64(bitPattern: word(48))
        blockSize = Int64(bitPattern: word(56))
        blocks = Int64(bitPattern: word(64))
        accessTime = time(72)
        modificationTime = time(88)
        changeTime = time(104)
    }

    /// Seconds, rounded down, and the nanoseconds left over, 0 to 999,999,999.
    private static func split(_ time: Int64) -> (Int64, Int64) {
        let (seconds, rest) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
        return rest < 0 ? (seconds - 1, rest + 1_000_000_000) : (seconds, rest)
    }
}
