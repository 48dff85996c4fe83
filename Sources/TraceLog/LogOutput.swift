// The file behind a writer: whole blocks or nothing, errno turned into words.
import Glibc

final class LogOutput {
    let name: String
    private let descriptor: Int32
    /// Offset of the end of the last complete block, relative to where the log began.
    private(set) var end: UInt64 = 0
    private let start: off_t

    init(creating path: String) throws(TraceError) {
        name = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        start = 0
        guard descriptor >= 0 else {
            throw TraceError(
                .ioError,
                file: path,
                message: "cannot be created: \(errorText(errno)); choose another path",
                errno: errno
            )
        }
    }

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        start = max(lseek(descriptor, 0, SEEK_CUR), 0)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Writes all of a block; on an error takes the partial block back where the file allows it.
    func write(_ block: UnsafeRawBufferPointer) throws(TraceError) {
        var done = 0
        while done < block.count {
            let wrote = Glibc.write(descriptor, block.baseAddress.map { $0 + done }, block.count - done)
            if wrote > 0 {
                done += wrote
                continue
            }
            let code = wrote == 0 ? EIO : errno
            if code == EINTR { continue }
            let keep = start + off_t(end)
            if ftruncate(descriptor, keep) == 0 { _ = lseek(descriptor, keep, SEEK_SET) }
            throw failure(code)
        }
        end += UInt64(block.count)
    }

    private func failure(_ code: Int32) -> TraceError {
        let isFull = code == ENOSPC || code == EDQUOT || code == EFBIG
        let advice = isFull ? "make room or record to another disk" : "check the device"
        return TraceError(
            isFull ? .diskFull : .ioError,
            file: name,
            offset: end,
            message: "cannot be written: \(errorText(code)); the log up to here is complete, \(advice)",
            errno: code
        )
    }
}

/// `strerror` without its shared buffer.
func errorText(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    return buffer.withUnsafeMutableBufferPointer { room in
        guard let base = room.baseAddress, strerror_r(code, base, room.count) == 0 else { return "errno \(code)" }
        return String(cString: base)
    }
}
