// The control groups of a guest: a kernel of its own mounts them as the recording's machine had them.
import Engine
import LinuxABI

extension AgentEngine {
    /// Makes the recording's tree of control groups below `path`, where it was one of version 1.
    ///
    /// A guest boots with version 2. Programs look at the tree that is there, so a program that was recorded on the one would
    /// go another way on the other, and its recorded calls say nothing of that.
    func mountControlGroups(below path: String) throws(EngineFailure) {
        let mounts = environment.mounts.filter { $0.point.hasPrefix(path + "/") }
        let first = mounts.first { $0.type == "cgroup" }
        let top = first.flatMap { first in
            mounts.first { $0.type == "tmpfs" && first.point.hasPrefix($0.point + "/") }
        }
        guard let top else { return }
        try make("umount2", .text(inRoot(top.point)), .value(2))
        try mount(top, "tmpfs", "mode=755")
        // Beside the groups it is an ordinary file system.
        let groups = mounts.filter { $0.type.hasPrefix("cgroup") }.map(\.point)
        for file in environment.files where file.kind == .directory && file.path.hasPrefix(top.point + "/") {
            guard !groups.contains(where: { file.path.hasPrefix($0 + "/") }) else { continue }
            try make("mkdir", .text(inRoot(file.path)), .number(file.mode & 0o7777))
        }
        for mount in mounts where mount.point.hasPrefix(top.point + "/") {
            try make("mkdir", .text(inRoot(mount.point)), .value(0o755))
            guard mount.type == "cgroup" else {
                try self.mount(mount, mount.type, "")
                continue
            }
            let words = mount.systemOptions.split(separator: ",").filter { $0 != "rw" && $0 != "ro" }
            let isNamed = words.contains { $0.hasPrefix("name=") }
            let options = ((isNamed ? ["none"] : []) + words).joined(separator: ",")
            if try self.mount(mount, "cgroup", options) { continue }
            // A controller that this kernel has not: the groups are there, and its files are missing.
            try self.mount(mount, "cgroup", "none,name=" + words.joined(separator: "."))
        }
    }

    /// Remembers which of this machine's control groups the replay has made.
    func noteControlGroup(_ name: String, _ call: GuestCall) {
        let place = name == "mkdirat" || name == "unlinkat" ? 1 : 0
        let top = Array("/sys/fs/cgroup/".utf8)
        guard !options.isDisposable, opened?.mode == .live,
            case .bytes(let path) = call.memory.readString(call.arguments[place], limit: 4096), path.starts(with: top)
        else { return }
        let group = String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
        madeControlGroups.removeAll { $0 == group }
        if name.hasPrefix("mkdir") { madeControlGroups.append(group) }
    }

    /// Those that are left at the end, as where a replay breaks off, would be there for the next one and for everybody else.
    func removeControlGroups() {
        guard !madeControlGroups.isEmpty else { return }
        do throws(EngineFailure) {
            try connection.attend(to: nil, isDue: false)
            for state in tasks.values {
                try connection.signal(state.slot, 9)
                _ = try connection.wait(state.slot, milliseconds: 200)
            }
            for group in madeControlGroups.reversed() { try make("rmdir", .text(group)) }
        } catch {
            // There is no agent any more to do so.
        }
        madeControlGroups = []
    }

    @discardableResult
    private func mount(_ mount: Environment.Mount, _ type: String, _ data: String) throws(EngineFailure) -> Bool {
        let place = Argument.text(inRoot(mount.point))
        let flags = Argument.value(Self.flags(mount))
        return try make("mount", .text(mount.source), place, .text(type), flags, .text(data)).result == 0
    }
}
