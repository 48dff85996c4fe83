// Other processes, as /proc describes them.
import FoundationEssentials
import Glibc

/// What /proc says of a process.
struct ProcessEntry {
    var parent: pid_t
    var startTicks: UInt64
    var residentBytes: UInt64

    init?(_ pid: pid_t) {
        guard let file = fopen("/proc/\(pid)/stat", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 1024)
        guard fgets(&line, 1024, file) != nil else { return nil }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        // The name, in parentheses, may hold anything.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 21, let parent = pid_t(fields[1]), let ticks = UInt64(fields[19]),
            let pages = UInt64(fields[21])
        else { return nil }
        self.parent = parent
        startTicks = ticks
        residentBytes = pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Memory of all processes below one. Pages that several have count in parts (Pss of smaps_rollup), where it can be read.
    static func memory(below pid: pid_t) -> UInt64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [pid_t: [pid_t]] = [:]
        for child in names.compactMap({ pid_t($0) }) {
            guard let entry = ProcessEntry(child) else { continue }
            children[entry.parent, default: []].append(child)
        }
        var total: UInt64 = 0
        var waiting = children[pid] ?? []
        while let next = waiting.popLast() {
            waiting += children[next] ?? []
            total += proportionalBytes(next) ?? ProcessEntry(next)?.residentBytes ?? 0
        }
        return total
    }

    private static func proportionalBytes(_ pid: pid_t) -> UInt64? {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/smaps_rollup") else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("Pss:") {
            return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 << 10 }
        }
        return nil
    }

    static func children(of pid: pid_t) -> [ProcessEntry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.compactMap { ProcessEntry($0) }.filter { $0.parent == pid }
    }
}
