// Small readings of the system that several files need.
import Glibc

/// strerror, thread-safe enough for messages.
func errorText(_ code: Int32) -> String {
    String(cString: strerror(code))
}

/// A whole small file, for example of /proc; nil if it cannot be read.
func readFile(_ path: String, limit: Int = 1 << 22) -> [UInt8]? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var result: [UInt8] = []
    while result.count < limit {
        let chunk = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            count = max(0, read(fd, buffer.baseAddress, 65536))
        }
        if chunk.isEmpty { break }
        result.append(contentsOf: chunk)
    }
    return result
}

func readText(_ path: String) -> String? {
    readFile(path).map { String(decoding: $0, as: UTF8.self) }
}

/// Lines without their ends.
func readLines(_ path: String) -> [String] {
    guard let text = readText(path) else { return [] }
    return text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
}

/// The target of a symbolic link.
func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
}
