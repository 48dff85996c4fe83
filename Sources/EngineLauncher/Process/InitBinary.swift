// Where lacuna-init is.
import Glibc

enum InitBinary {
    /// `LACUNA_INIT` if set, else beside the running program.
    static func path() throws(LaunchError) -> String {
        if let path = variable("LACUNA_INIT") { return path }
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                readlink("/proc/self/exe", $0.baseAddress.unsafelyUnwrapped, $0.count)
            }
        }
        let program = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        let folder = program.lastIndex(of: "/").map { program[..<$0] } ?? ""
        let path = "\(folder)/lacuna-init"
        guard access(path, X_OK) == 0 else {
            throw LaunchError("there is no \(path): build the product 'lacuna-init', or set LACUNA_INIT to its file")
        }
        return path
    }
}
