// Memory of another process, through its mem file: also code that the process itself may not write.
import Glibc

/// Opened once per program image; an exec makes it useless, and the owner opens another.
final class ProcessMemory {
    private let file: Int32

    init?(tid: Int32) {
        file = open("/proc/\(tid)/mem", O_RDWR | O_CLOEXEC)
        if file < 0 { return nil }
    }

    deinit { close(file) }

    /// All of the bytes, or nil.
    func read(_ address: UInt64, _ count: Int) -> [UInt8]? {
        var complete = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let got = pread(file, buffer.baseAddress, count, off_t(Int64(bitPattern: address)))
            initialized = max(0, got)
            complete = got == count
        }
        return complete ? bytes : nil
    }

    func load<T: BitwiseCopyable>(_ address: UInt64, as type: T.Type) -> T? {
        withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { buffer in
            let size = MemoryLayout<T>.size
            guard pread(file, buffer.baseAddress, size, off_t(Int64(bitPattern: address))) == size else { return nil }
            return buffer[0]
        }
    }

    @discardableResult
    func write(_ bytes: [UInt8], at address: UInt64) -> Bool {
        bytes.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(Int64(bitPattern: address))) == $0.count }
    }

    @discardableResult
    func store<T: BitwiseCopyable>(_ value: T, at address: UInt64) -> Bool {
        withUnsafeBytes(of: value) {
            pwrite(file, $0.baseAddress, $0.count, off_t(Int64(bitPattern: address))) == $0.count
        }
    }
}
