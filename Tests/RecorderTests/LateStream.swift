// A made-up stream of calls over a real directory tree, for LatePaths.
import Glibc
import LinuxABI
import Testing
import TraceLog

@testable import Recorder

/// An argument of a made-up call.
enum StreamArgument: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    case number(Int64)
    case input([UInt8])
    case output([UInt8])

    init(integerLiteral value: Int64) { self = .number(value) }
    init(stringLiteral value: String) { self = .path(value) }
    static func path(_ text: String) -> Self { .input(Array(text.utf8) + [0]) }
    static func flags(_ flags: Int32...) -> Self { .number(Int64(flags.reduce(0, |))) }
    static let here = Self.number(Int64(AT_FDCWD))
    /// The result of lstat, as stat gives it.
    static func status(_ path: String) -> Self {
        var status = stat()
        lstat(path, &status)
        return withUnsafeBytes(of: &status) { .output(Array($0)) }
    }
}

struct StreamMemory: CallMemory {
    var chunks: [(direction: MemoryRecord.Direction, address: UInt64, bytes: [UInt8])] = []

    func withMemory<R>(
        _ direction: MemoryRecord.Direction,
        at address: UInt64,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R? {
        chunks.first { $0.address == address && $0.direction == direction }?.bytes.withUnsafeBytes(body)
    }
}

/// Feeds LatePaths, and notes paths as the supervisor would.
final class LateStream {
    /// A directory of its own, without links in its name.
    let root: String
    private(set) var late: LatePaths
    private var notes = PathNotes(referencePid: nil)
    private let queue: EventQueue
    private var writer: QueueWriter
    private var read: UInt64 = 0
    private let isClosed = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    /// What was recorded, in order, with the root left out; `.` is the root.
    private(set) var records: [PathRecord] = []
    /// Works in `root`; its thread does not exist.
    private(set) var task: LateTask

    init() throws {
        var template = Array("/tmp/lacuna-late-XXXXXX".utf8CString)
        root = try #require(mkdtemp(&template).map { String(cString: $0) })
        queue = try #require(EventQueue())
        isClosed.initialize(to: 0)
        writer = QueueWriter(queue, isClosed: isClosed)
        late = LatePaths(queue: queue, calls: CallTable(), referencePid: nil)
        var start = StartSnapshot()
        start.workingDirectory = root
        task = late.root(tid: Int32.max - 1, tgid: Int32.max - 1, start: start)
    }

    deinit {
        queue.free()
        isClosed.deallocate()
        let path = root
        removeTree(path)
    }

    // MARK: - The tree

    func path(_ name: String) -> String { name == "." ? root : "\(root)/\(name)" }
    func directory(_ name: String) { mkdir(path(name), 0o755) }
    func file(_ name: String, _ text: String = "") {
        let fd = open(path(name), O_CREAT | O_WRONLY | O_TRUNC, 0o640)
        write(fd, text, text.utf8.count)
        close(fd)
    }
    func link(_ name: String, to target: String) { symlink(target, path(name)) }

    // MARK: - Calls

    private func make(_ name: String, _ arguments: [StreamArgument], _ result: Int64) -> (LateCall, StreamMemory) {
        var words: [UInt64] = []
        var memory = StreamMemory()
        for argument in arguments {
            let address = UInt64(0x10_0000 + words.count * 0x1_0000)
            switch argument {
            case .number(let number): words.append(UInt64(bitPattern: number))
            case .input(let bytes):
                words.append(address)
                memory.chunks.append((.input, address, bytes))
            case .output(let bytes):
                words.append(address)
                memory.chunks.append((.output, address, bytes))
            }
        }
        words += [UInt64](repeating: 0, count: 6 - words.count)
        let number = ABI.call(named: name)?.numbers.x86_64.map(UInt32.init) ?? UInt32.max
        let registers = SyscallArguments(words[0], words[1], words[2], words[3], words[4], words[5])
        return (LateCall(number: number, arguments: registers, result: result), memory)
    }

    /// A call that ran unseen. The names that it gave, with a mark of what they are.
    @discardableResult
    func fast(
        _ name: String,
        _ arguments: StreamArgument...,
        result: Int64 = 0,
        of task: LateTask? = nil
    ) -> [String] {
        let (call, memory) = make(name, arguments, result)
        guard late.fastCall(call, of: task ?? self.task, memory: memory) else { return [] }
        let new = late.takeRecords()
        records += new
        return new.compactMap(label)
    }

    /// A call that was notified; nothing but its effect is looked at.
    func lockStep(
        _ name: String,
        _ arguments: StreamArgument...,
        result: Int64 = 0,
        of task: LateTask? = nil
    ) {
        let (call, memory) = make(name, arguments, result)
        late.lockStepCall(call, of: task ?? self.task, memory: memory)
    }

    func child(_ call: String, _ arguments: StreamArgument..., tid: Int32 = Int32.max - 2) -> LateTask {
        let (call, memory) = make(call, arguments, 1)
        let flags = CloneFlags(of: call.number, call.arguments, memory: memory)
        return late.created(tid: tid, tgid: tid, parent: task, flags: flags)
    }

    func executed(_ task: LateTask, tid: Int32) { late.executed(task, tid: tid) }

    /// A task that is this process, as far as /proc tells.
    func outsider() -> LateTask { late.created(tid: getpid(), tgid: getpid(), parent: nil, flags: []) }

    // MARK: - The supervisor

    /// Notes a path as the supervisor does before a call; it stays in the queue.
    func supervisorNotes(_ name: String, heads: Bool = false) {
        path(name).utf8CString.withUnsafeBytes {
            notes.note(
                UnsafeRawBufferPointer(rebasing: $0.dropLast()),
                tid: getpid(),
                slot: 0,
                directory: AT_FDCWD,
                heads: heads,
                writer: &writer
            )
        }
        writer.publish()
    }

    /// The log thread comes to the notes in the queue.
    /// - Returns: names of those that it writes.
    func readQueue() -> [String] {
        var written: [PathRecord] = []
        while read < queue.head {
            let record = queue.data + queue.offset(read)
            let header = record.load(as: QueueHeader.self)
            if late.noted(record + 8) { written.append(PathRecord(QueuedPath(record + 8))) }
            read += UInt64(header.size)
            queue.release(read)
        }
        records += written
        return written.compactMap(label)
    }

    // MARK: - Records

    /// `name/` for a directory, `name@` for a link, `name!` for nothing; nil for what is above the root.
    private func label(_ record: PathRecord) -> String? {
        guard record.path.hasPrefix(root) else { return nil }
        let rest = record.path.dropFirst(root.count + 1)
        let name = rest.isEmpty ? "." : String(rest)
        if record.absent != nil { return name + "!" }
        switch record.status.mode & S_IFMT {
        case S_IFDIR: return name + "/"
        case S_IFLNK: return name + "@"
        default: return name
        }
    }

    func record(_ name: String) -> PathRecord? { records.first { $0.path == path(name) } }
}

private func removeTree(_ path: String) {
    for name in (try? directoryNames(path)) ?? [] {
        let inner = "\(path)/\(name)"
        if unlink(inner) != 0 { removeTree(inner) }
    }
    rmdir(path)
}
