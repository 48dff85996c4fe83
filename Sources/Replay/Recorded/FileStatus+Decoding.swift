// Metadata out of the stat family's output, field names as the descriptions have them.
import LinuxABI
import TraceLog

extension FileStatus {
    /// What a stat, lstat, fstat, newfstatat or statx call returned; nil when its buffer was not recorded.
    init?(decoding call: RecordedCall) {
        if call.record.architecture == .x86_64, let buffer = Self.buffer(of: call),
            let bytes = call.output.chunks.first, call.output.chunks.count == 1, bytes.address == buffer,
            bytes.bytes.count == Self.layoutSize
        {
            self.init(bytes.bytes)
            guard mode != 0 else { return nil }
            return
        }
        guard let description = ABI.call(Int(call.record.number), call.record.architecture) else { return nil }
        let decoded = description.variant(for: call.record.arguments).decode(
            call.record.arguments,
            result: call.record.result,
            input: call.input,
            output: call.output
        )
        guard let fields = decoded.output.lazy.compactMap(\.value.pointedFields).first else { return nil }
        self.init()
        for field in fields {
            switch (field.name.dropPrefix("stx_") ?? field.name.dropPrefix("st_") ?? field.name, field.value) {
            case ("dev", .scalar(let value, _, _)): device = UInt64(bitPattern: value)
            case ("dev_major", .scalar(let value, _, _)): device |= Self.device(major: value)
            case ("dev_minor", .scalar(let value, _, _)): device |= Self.device(minor: value)
            case ("ino", .scalar(let value, _, _)): inode = UInt64(bitPattern: value)
            case ("mode", .scalar(let value, _, _)): mode = UInt32(truncatingIfNeeded: value)
            case ("nlink", .scalar(let value, _, _)): links = UInt64(bitPattern: value)
            case ("uid", .scalar(let value, _, _)): uid = UInt32(truncatingIfNeeded: value)
            case ("gid", .scalar(let value, _, _)): gid = UInt32(truncatingIfNeeded: value)
            case ("rdev", .scalar(let value, _, _)): specialDevice = UInt64(bitPattern: value)
            case ("rdev_major", .scalar(let value, _, _)): specialDevice |= Self.device(major: value)
            case ("rdev_minor", .scalar(let value, _, _)): specialDevice |= Self.device(minor: value)
            case ("size", .scalar(let value, _, _)): size = value
            case ("blksize", .scalar(let value, _, _)): blockSize = value
            case ("blocks", .scalar(let value, _, _)): blocks = value
            case ("atime", let value), ("atim", let value): accessTime = value.nanoseconds
            case ("mtime", let value), ("mtim", let value): modificationTime = value.nanoseconds
            case ("ctime", let value), ("ctim", let value): changeTime = value.nanoseconds
            case ("atime_nsec", .scalar(let value, _, _)): accessTime += value
            case ("mtime_nsec", .scalar(let value, _, _)): modificationTime += value
            case ("ctime_nsec", .scalar(let value, _, _)): changeTime += value
            default: break
            }
        }
        guard mode != 0 else { return nil }
    }

    /// Size of `struct stat` of x86-64.
    private static let layoutSize = 144

    private static func buffer(of call: RecordedCall) -> UInt64? {
        switch call.known {
        case .stat, .lstat, .fstat: call.word(1)
        case .newfstatat: call.word(2)
        default: nil
        }
    }

    /// `struct stat` of x86-64 (asm/stat.h), which most calls of this kind return.
    private init(_ bytes: [UInt8]) {
        self.init()
        bytes.withUnsafeBytes { raw in
            func word(_ offset: Int) -> Int64 { raw.loadUnaligned(fromByteOffset: offset, as: Int64.self) }
            func half(_ offset: Int) -> UInt32 { raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
            device = UInt64(bitPattern: word(0))
            inode = UInt64(bitPattern: word(8))
            links = UInt64(bitPattern: word(16))
            mode = half(24)
            uid = half(28)
            gid = half(32)
            specialDevice = UInt64(bitPattern: word(40))
            size = word(48)
            blockSize = word(56)
            blocks = word(64)
            accessTime = word(72) &* 1_000_000_000 &+ word(80)
            modificationTime = word(88) &* 1_000_000_000 &+ word(96)
            changeTime = word(104) &* 1_000_000_000 &+ word(112)
        }
    }

    // The kernel's user-visible dev_t: new_encode_dev in linux/kdev_t.h.
    private static func device(major: Int64) -> UInt64 { UInt64(major & 0xfff) << 8 }
    private static func device(minor: Int64) -> UInt64 { UInt64(minor & 0xff) | UInt64(minor & ~0xff) << 12 }
}

extension Value {
    /// The fields behind a pointer, or of a structure itself.
    var pointedFields: [Field]? {
        switch self {
        case .structure(let fields): fields
        case .pointer(_, let target?): target.pointedFields
        default: nil
        }
    }

    /// A timespec, or bare seconds, in nanoseconds.
    fileprivate var nanoseconds: Int64 {
        switch self {
        case .scalar(let seconds, _, _): return seconds &* 1_000_000_000
        case .structure(let fields):
            var total: Int64 = 0
            for field in fields {
                guard case .scalar(let value, _, _) = field.value else { continue }
                if field.name.hasSuffix("nsec") {
                    total &+= value
                } else if field.name.hasSuffix("sec") {
                    total &+= value &* 1_000_000_000
                }
            }
            return total
        default: return 0
        }
    }
}

extension String {
    fileprivate func dropPrefix(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
