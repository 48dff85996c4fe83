// Reads a log's bytes by position, so that a file that shrinks or fails meanwhile is an error and not a signal.
import Glibc

final class LogFile {
    let name: String
    let size: UInt64
    private let descriptor: Int32

    init(path: String) throws(TraceError) {
        name = path
        let opened = open(path, O_RDONLY | O_CLOEXEC)
        descriptor = opened
        var status = stat()
        let isKnown = opened >= 0 && fstat(opened, &status) == 0
        let code = isKnown ? 0 : errno
        size = isKnown ? UInt64(max(status.st_size, 0)) : 0
        guard isKnown else {
            throw TraceError(
                .unreadable,
                file: path,
                message: "cannot be read: \(errorText(code)); check the path and its permissions",
                errno: code
            )
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            throw TraceError(
                .unreadable,
                file: path,
                message: isDirectory
                    ? "is a directory; name a .lacuna file in it"
                    : "is not a regular file; copy the log to a file first",
                errno: isDirectory ? EISDIR : 0
            )
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Reads up to `count` bytes at `offset`; fewer only at the end of the file.
    func read(at offset: UInt64, _ count: Int, into room: UnsafeMutablePointer<UInt8>) throws(TraceError) -> Int {
        var done = 0
        while done < count {
            let got = pread(descriptor, room + done, count - done, off_t(offset) + off_t(done))
            if got == 0 { break }
            if got < 0 {
                let code = errno
                if code == EINTR { continue }
                throw TraceError(
                    .unreadable,
                    file: name,
                    offset: offset,
                    message: "cannot be read: \(errorText(code)); check the disk",
                    errno: code
                )
            }
            done += got
        }
        return done
    }
}
