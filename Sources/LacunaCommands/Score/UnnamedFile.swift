// A file without a name, for what a child process prints.
import Glibc

/// Gone when it is closed.
struct UnnamedFile {
    let descriptor: Int32

    init() throws(CommandFailure) {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(folder)/lacuna-replay-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw CommandFailure("\(folder): no file can be made for a replay: \(String(cString: strerror(errno)))")
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    var contents: [UInt8] {
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + count }, size - count, off_t(count))
                guard got > 0 else { return }
                count += got
            }
        }
    }

    func close() { Glibc.close(descriptor) }
}
