// Which directories an engine serves itself, by the file systems mounted at time zero.
import TraceLog

enum EngineServed {
    /// File systems whose contents are the kernel's own, by their type names in mountinfo.
    private static let kernelFileSystems: Set<String> = [
        "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "mqueue",
        "hugetlbfs", "bpf", "binfmt_misc", "configfs", "pstore", "efivarfs", "autofs", "fusectl", "rpc_pipefs",
    ]

    /// Mount points as absolute paths, each with a trailing slash, sorted. Without a snapshot: the usual three.
    static func prefixes(_ snapshot: StartSnapshot?) -> [String] {
        var points: Set<String> = ["/proc/", "/sys/", "/dev/"]
        for line in snapshot?.mounts ?? [] {
            guard let mount = MountLine(line), kernelFileSystems.contains(mount.type) else { continue }
            points.insert(mount.point.hasSuffix("/") ? mount.point : mount.point + "/")
        }
        return points.sorted()
    }
}

/// A line of /proc/PID/mountinfo (proc(5)).
struct MountLine {
    var point: String
    var type: String
    var source: String
    var options: String
    var systemOptions: String

    init?(_ line: String) {
        let halves = line.split(separator: " - ", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { return nil }
        let left = halves[0].split(separator: " ")
        let right = halves[1].split(separator: " ", omittingEmptySubsequences: false)
        guard left.count >= 6, right.count >= 2 else { return nil }
        point = Self.unescaped(String(left[4]))
        options = String(left[5])
        type = String(right[0])
        source = Self.unescaped(String(right[1]))
        systemOptions = right.count > 2 ? Self.unescaped(String(right[2])) : ""
    }

    /// Space, tab, newline and backslash are written as `\040` and so on.
    private static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3,
                let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
