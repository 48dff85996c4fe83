// What is mapped where in a process: /proc/PID/maps.
import Glibc

struct AddressMap {
    struct Area {
        var range: Range<UInt64>
        var isExecutable: Bool
        var isWritable: Bool
        var fileOffset: UInt64
        var file: FileIdentity?
        var path: Substring
    }

    let areas: [Area]

    init?(tid: Int32) {
        guard let bytes = readFile("/proc/\(tid)/maps", limit: 1 << 20) else { return nil }
        self.init(text: String(decoding: bytes, as: UTF8.self))
    }

    init(text: String) {
        areas = text.split(separator: "\n").compactMap(AddressMap.area)
    }

    /// `start-end perms offset major:minor inode path`.
    private static func area(_ line: Substring) -> Area? {
        let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count >= 5 else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
        let device = fields[3].split(separator: ":").compactMap { UInt64($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1], device.count == 2, let offset = UInt64(fields[2], radix: 16),
            let inode = UInt64(fields[4])
        else { return nil }
        return Area(
            range: ends[0]..<ends[1],
            isExecutable: fields[1].utf8.contains(UInt8(ascii: "x")),
            isWritable: fields[1].utf8.contains(UInt8(ascii: "w")),
            fileOffset: offset,
            file: inode == 0 ? nil : FileIdentity(device: device[0] << 32 | device[1], inode: inode),
            path: fields.count > 5 ? fields[5].drop { $0 == " " } : ""
        )
    }

    func area(at address: UInt64) -> Area? { areas.first { $0.range.contains(address) } }

    func isFree(_ range: Range<UInt64>) -> Bool { !areas.contains { $0.range.overlaps(range) } }

    /// A free range of `size` bytes that ends below `address` by about `distance`.
    func free(_ size: UInt64, below address: UInt64, distances: [UInt64]) -> UInt64? {
        for distance in distances where address > distance + size {
            let start = (address - distance - size) & ~0xffff
            if start >= 0x20000, isFree(start..<start + size) { return start }
        }
        return nil
    }
}

/// One version of a file.
struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64
    var size: Int64 = 0
    var modified: Int64 = 0

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    /// The file that a path names now, if it is a regular one.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        device = UInt64(status.st_dev >> 8 & 0xfff) << 32 | UInt64(status.st_dev & 0xff | status.st_dev >> 12 & 0xfff00)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    }
}
