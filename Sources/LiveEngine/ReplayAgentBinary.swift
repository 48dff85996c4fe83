// Where the replay agent's file is.
public import Engine
import Glibc

/// `lacuna-agent`: one static file that runs in any Linux-compatible environment.
public enum ReplayAgentBinary {
    /// Its path: `LACUNA_AGENT` if set, else beside the running program.
    ///
    /// - Parameter name: `lacuna-agent`, or `lacuna-agent-low` for kernels with 39 bits of addresses.
    public static func path(_ name: String = "lacuna-agent") throws(EngineFailure) -> String {
        if let path = getenv("LACUNA_AGENT") { return String(cString: path) }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let program = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = program.lastIndex(of: "/").map { program[..<$0] } ?? ""
        let path = "\(folder)/\(name)"
        guard access(path, X_OK) == 0 else {
            throw EngineFailure("there is no \(path): build the product '\(name)', or set LACUNA_AGENT")
        }
        return path
    }

    /// Its bytes, to be carried into an environment.
    public static func bytes() throws(EngineFailure) -> [UInt8] {
        let path = try path()
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw EngineFailure("cannot read \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
