// What a provider routine and a file system know of the call they serve.
import Engine
import LinuxABI

/// The call in hand: who makes it, its memory, what the environment offers, and what must be noted about the answer.
class VfsContext {
    unowned let engine: WSL1Engine
    /// The engine's.
    final let paths: VfsPathTable
    /// The calling thread; nil while booting and grafting.
    final var thread: LxThread!
    /// Who the caller is to file systems.
    final var credentials = LxCredentials()
    /// Position of the call in the recording: for offers.
    final var index: UInt64 = 0
    /// False: a failed step is not noted (boot, graft).
    final var isCall = false

    final var memory = MemoryChunks()
    final var writes: [MemoryChunks.Chunk] = []
    final var given: [GivenUse] = []

    init(engine: WSL1Engine) {
        self.engine = engine
        paths = engine.paths
    }

    final var environment: Environment { engine.environment }

    /// Realtime in nanoseconds since the epoch, for timestamps of files (compared as `ordered`).
    final var now: Int64 { engine.realtime }

    /// For the evidence of a call: where its answer is from, when it is as it should be on WSL 1.
    func explain(_ note: LxNote) {}

    // MARK: - Names and facts of the environment

    /// A name for a new thing. Ask only after the call is sure to succeed.
    final func offer(_ kind: NameKind) -> UInt64? { isCall ? engine.environment.names.offer(kind, for: index) : nil }

    /// A number that only the machine knows, marked as given in the result.
    final func givenNumber(_ name: GivenName, _ what: String) -> Int64? {
        guard isCall else { return nil }
        given.append(GivenUse(name: what, part: .result))
        return engine.environment.given.number(name, for: index)
    }

    /// The owner of a file made now in `directory`: its gid if the directory is set-group-id.
    final func owner(in directory: VfsInode) -> (uid: UInt32, gid: UInt32) {
        (credentials.fsuid, directory.mode & 0o2000 != 0 ? directory.gid : credentials.fsgid)
    }

    // MARK: - Tracee memory

    /// `count` bytes that were readable at entry, or EFAULT.
    final func read(_ address: UInt64, _ count: Int) throws(LxFailure) -> [UInt8] {
        guard count > 0 else { return [] }
        switch memory.read(address, count: count) {
        case .bytes(let bytes): return bytes
        case .cut(let bytes, let length):
            guard length >= count else { throw .errno(.EFAULT) }
            return bytes + [UInt8](repeating: 0, count: count - bytes.count)
        case .absent: throw .errno(.EFAULT)
        }
    }

    /// As ``read(_:_:)`` for payloads: bytes that the recording cut are unknown rather than zero.
    final func readData(_ address: UInt64, _ count: Int) throws(LxFailure) -> VfsData {
        guard count > 0 else { return VfsData() }
        switch memory.read(address, count: count) {
        case .bytes(let bytes): return VfsData(bytes)
        case .cut(let bytes, let length):
            guard length > 0 else { throw .errno(.EFAULT) }
            var data = VfsData(bytes)
            data.append(.unknown(count: min(count, length) - bytes.count, what: "bytes that the recording cut"))
            return data
        case .absent: throw .errno(.EFAULT)
        }
    }

    final func readInteger<T: FixedWidthInteger>(_ address: UInt64, as type: T.Type) throws(LxFailure) -> T {
        if let word = memory.word(address, size: MemoryLayout<T>.size) { return T(truncatingIfNeeded: word) }
        let bytes = try read(address, MemoryLayout<T>.size)
        var value: T = 0
        for (index, byte) in bytes.enumerated() { value |= T(truncatingIfNeeded: UInt64(byte) << (8 * UInt64(index))) }
        return value
    }

    /// Four words beside each other: at once where the only chunk has them all.
    final func readFourWords(_ address: UInt64) throws(LxFailure) -> InlineArray<4, UInt64> {
        var words = InlineArray<4, UInt64>(repeating: 0)
        if memory.chunks.count == 1, address >= memory.chunks[0].address {
            let offset = Int(clamping: address - memory.chunks[0].address)
            let isRead = memory.chunks[0].bytes.withUnsafeBytes { bytes in
                guard bytes.count >= 32, offset <= bytes.count - 32 else { return false }
                for index in 0..<4 {
                    words[index] = UInt64(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8 * index, as: UInt64.self)
                    )
                }
                return true
            }
            if isRead { return words }
        }
        var place = 0
        for index in 0..<4 { words[index] = try readWord(address + 8 * UInt64(index), in: &place) }
        return words
    }

    /// One of several words beside each other; `place` is kept from one to the next.
    final func readWord(_ address: UInt64, in place: inout Int) throws(LxFailure) -> UInt64 {
        if let word = memory.word(address, size: 8, in: &place) { return word }
        return try readInteger(address, as: UInt64.self)
    }

    /// A NUL-terminated string of at most `limit` bytes; without a NUL, ENAMETOOLONG, or the first bytes if `cutting`.
    final func readString(
        _ address: UInt64,
        limit: Int = 4096,
        cutting: Bool = false
    ) throws(LxFailure) -> String {
        if let bytes = memory.endedString(address), bytes.count < limit {
            return String(decoding: bytes, as: UTF8.self)
        }
        switch memory.readString(address, limit: limit) {
        case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .cut(let bytes, _):
            if cutting, !bytes.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            throw bytes.count >= limit ? .errno(.ENAMETOOLONG) : .errno(.EFAULT)
        case .absent: throw .errno(.EFAULT)
        }
    }

    /// A path, as ``readString(_:limit:cutting:)``.
    final func readPath(_ address: UInt64) throws(LxFailure) -> VfsPath {
        if let bytes = memory.endedString(address), bytes.count < 4096 {
            return bytes.withUnsafeBytes { paths.path($0) }
        }
        return paths.path(try readString(address))
    }

    /// Writes to the tracee; EFAULT where nothing can be mapped.
    final func write(_ address: UInt64, _ bytes: [UInt8]) throws(LxFailure) {
        try checkWritable(address)
        if !bytes.isEmpty { note(MemoryChunks.Chunk(address: address, bytes: bytes)) }
    }

    /// Most calls write once.
    @inline(__always)
    private final func note(_ chunk: MemoryChunks.Chunk) {
        if writes.isEmpty { writes = [chunk] } else { writes.append(chunk) }
    }

    /// The first 64 KiB (vm.mmap_min_addr) and everything beyond user space can never be mapped.
    final func checkWritable(_ address: UInt64) throws(LxFailure) {
        guard address >= 0x10000, address < 0x8000_0000_0000 else { throw .errno(.EFAULT) }
    }

    final func writeInteger<T: FixedWidthInteger>(_ address: UInt64, _ value: T) throws(LxFailure) {
        try write(address, withUnsafeBytes(of: value.littleEndian) { Array($0) })
    }

    /// Writes data; the unknown parts are asked of the environment and marked as given.
    final func write(_ address: UInt64, _ data: VfsData) throws(LxFailure) {
        guard !data.isEmpty else { return }
        try checkWritable(address)
        var position = address
        for segment in data.segments {
            switch segment {
            case .bytes(let bytes): note(MemoryChunks.Chunk(address: position, bytes: Array(bytes)))
            case .unknown(let count, let what): writeGiven(position, count, what)
            }
            position += UInt64(segment.count)
        }
    }

    /// Writes bytes that only the environment knows.
    final func writeGiven(_ address: UInt64, _ count: Int, _ what: String) {
        guard count > 0 else { return }
        let name = GivenName.bytes(address: address, count: count, what: what)
        if let bytes = environment.given.bytes(name, for: index) {
            writes.append(MemoryChunks.Chunk(address: address, bytes: Array(bytes.prefix(count))))
        }
        given.append(GivenUse(name: what, part: .memory(address: address, count: count)))
    }
}
