// A folder of its own for each start; gone with it.
import FoundationEssentials
import Glibc

final class ScratchFolder {
    let path: String

    init() throws(LaunchError) {
        let parent = variable("TMPDIR") ?? "/tmp"
        var template = Array("\(parent)/lacuna-engine-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw LaunchError("\(parent): no folder can be made: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Lets another user work in it.
    func give(to user: String) {
        let ids = user.split(separator: ":").compactMap { UInt32($0) }
        guard ids.count == 2, geteuid() == 0 else { return }
        chown(path, ids[0], ids[1])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
