// Reads what strace-to-dump.py made of a strace log and writes it as a lacuna log: same calls, same buffers.
import Glibc
import LinuxABI
import TraceLog

enum StraceDump {
    static func convert(_ dump: String, to path: String, level: Int32) throws {
        let bytes = try load(dump)
        var options = TraceWriter.Options()
        options.level = level
        options.keepsLevel = true
        let writer = try TraceWriter(path: path, header: TraceHeader(), options: options)
        try bytes.withUnsafeBytes { try append($0, writer) }
        try writer.finish(TraceTrailer())
        print("\(writer.callsAppended) \(writer.bytesWritten)")
    }

    /// Per call: index u64, task u32, number u32, result i64, entry u64, exit u64, six words, chunk count u32; per chunk:
    /// direction u32, size u32, address u64, bytes. Little-endian.
    private static func append(_ bytes: UnsafeRawBufferPointer, _ writer: TraceWriter) throws {
        var position = 0
        func take<T: FixedWidthInteger>(_ type: T.Type) -> T {
            defer { position += MemoryLayout<T>.size }
            return bytes.loadUnaligned(fromByteOffset: position, as: T.self)
        }
        while position < bytes.count {
            let index = take(UInt64.self)
            let task = TaskID(rawValue: take(UInt32.self))
            let number = take(UInt32.self)
            let result = take(Int64.self)
            let entry = take(UInt64.self)
            let exit = take(UInt64.self)
            var arguments = SyscallArguments()
            for word in 0..<6 { arguments[word] = take(UInt64.self) }
            let chunks = take(UInt32.self)
            writer.beginCall(index: index, task: task, number: number, arguments: arguments)
            for _ in 0..<chunks {
                let direction: MemoryRecord.Direction = take(UInt32.self) == 0 ? .input : .output
                let size = Int(take(UInt32.self))
                let address = take(UInt64.self)
                writer.addMemory(
                    direction,
                    address: address,
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + size)])
                )
                position += size
            }
            try writer.endCall(result: result, entryTime: entry, exitTime: exit)
        }
    }

    private static func load(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else {
            throw TraceError(.unreadable, file: path, message: "cannot be read", errno: errno)
        }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        return [UInt8](unsafeUninitializedCapacity: size) { room, count in
            var done = 0
            while done < size {
                let got = pread(descriptor, room.baseAddress.map { $0 + done }, size - done, off_t(done))
                if got <= 0 { break }
                done += got
            }
            count = done
        }
    }
}
