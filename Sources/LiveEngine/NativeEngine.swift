// `native`: this host's kernel, the control. A recording made here must replay here without a divergence.
import Engine
import Glibc

public enum NativeEngine {
    public static let name = "native"

    /// An agent in fresh namespaces and a fresh root on this host.
    public static func make() -> AgentEngine {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let identity = EngineIdentity(
            name: Self.name,
            version: release,
            summary: "this host's kernel: the control"
        )
        var options = AgentOptions()
        options.rootPath = "/var/tmp/lacuna.\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        let namespaces = ["CLONE_NEWNS", "CLONE_NEWPID", "CLONE_NEWUTS", "CLONE_NEWIPC", "CLONE_NEWNET"]
        let root = options.rootPath
        return AgentEngine(identity: identity, options: options) { () throws(EngineFailure) in
            let path = try ReplayAgentBinary.path()
            sweep()
            return try AgentProcess.start([path, "serve", "\(AgentOptions.namespaceBits(namespaces))"]) {
                removeTree(root)
                removeTree(root + ".links")
            }
        }
    }

    /// Removes roots of processes that were killed before they could.
    private static func sweep() {
        guard let folder = opendir("/var/tmp") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let parts = name.split(separator: ".")
            guard parts.count >= 3, parts[0] == "lacuna", let pid = pid_t(parts[1]), pid > 0, kill(pid, 0) != 0,
                errno == ESRCH
            else { continue }
            removeTree("/var/tmp/\(name)")
        }
    }

    /// Removes what the engine has laid out. Mounts were the agent's own and ended with it.
    private static func removeTree(_ path: String) {
        if rmdir(path) == 0 || errno == ENOENT || unlink(path) == 0 { return }
        guard let folder = opendir(path) else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            if entry.pointee.d_type == UInt8(DT_DIR) {
                removeTree("\(path)/\(name)")
            } else {
                unlink("\(path)/\(name)")
            }
        }
        rmdir(path)
    }
}
