// A folder of its own for each start; gone with it.
import FoundationEssentials
import Glibc

final class ScratchFolder {
    let path: String

    init() throws(LaunchError) {
        let parent = variable("TMPDIR") ?? "/tmp"
        Self.sweep(parent)
        var template = Array("\(parent)/\(Self.prefix)\(getpid())-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw LaunchError("\(parent): no folder can be made: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static let prefix = "lacuna-engine-"

    /// Removes folders of processes that are no more: their keeper was killed with them.
    private static func sweep(_ parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
            let parts = name.dropFirst(prefix.count).split(separator: "-")
            guard parts.count == 2, let pid = pid_t(parts[0]), pid > 0, kill(pid, 0) != 0, errno == ESRCH else {
                continue
            }
            try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
        }
    }

    /// Lets another user work in it.
    func give(to user: String) {
        let ids = user.split(separator: ":").compactMap { UInt32($0) }
        guard ids.count == 2, geteuid() == 0 else { return }
        chown(path, ids[0], ids[1])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
