// A small real engine: files, pipes, descriptors, processes. Knows no recorded result.
import Engine
import LinuxABI

final class TinyEngine: Engine {
    final class Object {
        enum Kind { case file(String), readEnd(Pipe), writeEnd(Pipe), other }
        let kind: Kind
        var offset = 0
        init(_ kind: Kind) { self.kind = kind }
    }
    final class Pipe {
        var bytes: [UInt8] = []
        var writers = 1
    }
    final class Task {
        var fds: [Int: Object] = [:]
        var pid: Int64
        var parent: TaskID?
        var status: Int32?
        init(pid: Int64) { self.pid = pid }
    }

    let identity = EngineIdentity(name: "tiny", version: "1", summary: "files, pipes, processes")
    private var files: [String: [UInt8]] = [:]
    private var directories: Set<String> = []
    private var tasks: [TaskID: Task] = [:]
    private var parked: [TaskID: GuestCall] = [:]
    private var environment = Environment()
    private var lastPid: Int64 = 5000
    /// Numbers start here instead of 0: breaks the lowest-free rule.
    var firstDescriptor = 0
    /// Most bytes per read.
    var largestRead = Int.max
    private(set) var answers: [DispatchResult.Outcome] = []
    private(set) var writes: [[MemoryChunks.Chunk]] = []

    func boot(_ environment: Environment) {
        self.environment = environment
        for file in environment.files where file.kind == .regular {
            var bytes = [UInt8](repeating: 0, count: Int(file.size))
            for extent in file.content { bytes.place(extent.bytes, at: Int(extent.offset)) }
            files[file.path] = bytes
        }
        for file in environment.files where file.kind == .directory { directories.insert(file.path) }
        let root = Task(pid: Int64(environment.process.pid))
        for descriptor in environment.process.descriptors {
            if case .file(let path) = descriptor.target {
                root.fds[Int(descriptor.fd)] = Object(.file(path))
            } else {
                root.fds[Int(descriptor.fd)] = Object(.other)
            }
        }
        tasks[environment.process.task] = root
    }

    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        guard let state = tasks[task] else { throw EngineFailure("no task \(task.rawValue)") }
        let result = answer(call, task, state)
        if result.outcome == .blocked { parked[task] = call }
        answers.append(result.outcome)
        writes.append(result.writes)
        return result
    }

    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult {
        guard let call = parked.removeValue(forKey: task) else { throw EngineFailure("nothing parked") }
        return try dispatch(call, on: task)
    }

    func cancel(_ task: TaskID) { parked[task] = nil }
    func advance(to time: UInt64) {}
    func postSignal(_ signal: Int32, to task: TaskID) {}
    func taskEnded(_ task: TaskID, status: Int32?) { end(task, status ?? 0) }

    func graft(_ graft: Graft, on task: TaskID) -> Bool {
        guard let state = tasks[task] else { return false }
        switch graft {
        case .file(let file):
            if file.kind == .directory {
                directories.insert(file.path)
            } else if files[file.path] == nil {
                files[file.path] = []
                for extent in file.content { files[file.path]?.place(extent.bytes, at: Int(extent.offset)) }
            }
        case .absent(let path):
            files[path] = nil
            directories.remove(path)
        case .descriptor(let fd, .file(let path), _, _): state.fds[Int(fd)] = Object(.file(path))
        case .descriptor(let fd, _, _, _): state.fds[Int(fd)] = Object(.other)
        case .duplicate(let fd, let source, _): state.fds[Int(fd)] = state.fds[Int(source)]
        case .closed(let fd): close(state, Int(fd))
        case .offset(let fd, let offset): state.fds[Int(fd)]?.offset = Int(offset)
        case .content(let path, let offset, let bytes): files[path, default: []].place(bytes, at: Int(offset))
        case .stream(let fd, let bytes):
            guard case .writeEnd(let pipe)? = state.fds[Int(fd)]?.kind else { return false }
            pipe.bytes += bytes
        case .child(let child, let pid, _): fork(state, task, child, Int64(pid))
        case .reaped(let pid): if let child = tasks.first(where: { $0.value.pid == pid }) { tasks[child.key] = nil }
        case .namespaces, .mount, .unmounted: return false
        default: break
        }
        return true
    }

    // MARK: - Calls

    private func answer(_ call: GuestCall, _ id: TaskID, _ task: Task) -> DispatchResult {
        let a = call.arguments
        switch ABI.name(call.number, call.architecture) {
        case "getpid": return .init(.returned(task.pid))
        case "openat": return open(call, task)
        case "mkdir":
            let path = text(call, a[0])
            guard !directories.contains(path) else { return .init(.returned(-17)) }
            directories.insert(path)
            return .init(.returned(0))
        case "unlink": return .init(.returned(files.removeValue(forKey: text(call, a[0])) == nil ? -2 : 0))
        case "close":
            guard task.fds[Int(a[0])] != nil else { return .init(.returned(-9)) }
            close(task, Int(a[0]))
            return .init(.returned(0))
        case "dup":
            guard let object = task.fds[Int(a[0])] else { return .init(.returned(-9)) }
            let fd = free(task)
            install(object, fd, task)
            return .init(.returned(Int64(fd)))
        case "dup2":
            guard let object = task.fds[Int(a[0])] else { return .init(.returned(-9)) }
            install(object, Int(a[1]), task)
            return .init(.returned(Int64(a[1])))
        case "lseek":
            guard let object = task.fds[Int(a[0])] else { return .init(.returned(-9)) }
            object.offset = Int(a[1])
            return .init(.returned(Int64(a[1])))
        case "pipe2":
            let pipe = Pipe()
            let (left, right) = (free(task), free(task, above: free(task) + 1))
            task.fds[left] = Object(.readEnd(pipe))
            task.fds[right] = Object(.writeEnd(pipe))
            let bytes = TraceBuilder.word(Int32(left)) + TraceBuilder.word(Int32(right))
            return .init(.returned(0), writes: [.init(address: a[0], bytes: bytes)])
        case "read": return read(call, task)
        case "write": return write(call, task)
        case "fork":
            let offered = environment.names.offer(.task, for: call.index).map { Int64($0) }
            lastPid += 1
            fork(task, id, call.childTask, offered ?? lastPid)
            return .init(.returned(offered ?? lastPid))
        case "wait4": return wait(call, id)
        case "getrandom":
            let name = GivenName.bytes(address: a[0], count: Int(a[1]), what: "random bytes")
            let bytes = environment.given.bytes(name, for: call.index) ?? [UInt8](repeating: 7, count: Int(a[1]))
            return .init(
                .returned(Int64(bytes.count)),
                writes: [.init(address: a[0], bytes: bytes)],
                given: [.init(name: "random bytes", part: .memory(address: a[0], count: bytes.count))]
            )
        case "exit_group":
            end(id, Int32(truncatingIfNeeded: a[0]) << 8)
            return .init(.exited)
        default: return .init(.returned(-38), evidence: .hole("not in the table"))
        }
    }

    private func open(_ call: GuestCall, _ task: Task) -> DispatchResult {
        let path = text(call, call.arguments[1])
        if files[path] == nil {
            guard call.arguments[2] & ABI.constant("O_CREAT") != 0 else { return .init(.returned(-2)) }
            files[path] = []
        } else if call.arguments[2] & ABI.constant("O_EXCL") != 0 {
            return .init(.returned(-17))
        }
        let fd = free(task)
        task.fds[fd] = Object(.file(path))
        return .init(.returned(Int64(fd)))
    }

    private func read(_ call: GuestCall, _ task: Task) -> DispatchResult {
        guard let object = task.fds[Int(call.arguments[0])] else { return .init(.returned(-9)) }
        let count = min(Int(call.arguments[2]), largestRead)
        let bytes: [UInt8]
        switch object.kind {
        case .file(let path):
            bytes = Array((files[path] ?? []).dropFirst(object.offset).prefix(count))
            object.offset += bytes.count
        case .readEnd(let pipe):
            if pipe.bytes.isEmpty, pipe.writers > 0 { return .init(.blocked) }
            bytes = Array(pipe.bytes.prefix(count))
            pipe.bytes.removeFirst(bytes.count)
        case .writeEnd: return .init(.returned(-9))
        case .other: return .init(.returned(-5))
        }
        return .init(.returned(Int64(bytes.count)), writes: [.init(address: call.arguments[1], bytes: bytes)])
    }

    private func write(_ call: GuestCall, _ task: Task) -> DispatchResult {
        guard let object = task.fds[Int(call.arguments[0])] else { return .init(.returned(-9)) }
        guard case .bytes(let bytes) = call.memory.read(call.arguments[1], count: Int(call.arguments[2])) else {
            return .init(.returned(-14))
        }
        switch object.kind {
        case .file(let path):
            files[path, default: []].place(bytes, at: object.offset)
            object.offset += bytes.count
        case .writeEnd(let pipe): pipe.bytes += bytes
        case .readEnd: return .init(.returned(-9))
        case .other: break
        }
        return .init(.returned(Int64(bytes.count)))
    }

    private func wait(_ call: GuestCall, _ id: TaskID) -> DispatchResult {
        let children = tasks.filter { $0.value.parent == id }
        guard !children.isEmpty else { return .init(.returned(-10)) }
        let wanted = Int64(Int32(truncatingIfNeeded: call.arguments[0]))
        guard
            let ended = children.sorted(by: { $0.key < $1.key }).first(where: {
                $0.value.status != nil && (wanted <= 0 || $0.value.pid == wanted)
            }), let status = ended.value.status
        else {
            return .init(call.arguments[2] & 1 != 0 ? .returned(0) : .blocked)
        }
        tasks[ended.key] = nil
        let writes: [MemoryChunks.Chunk] =
            call.arguments[1] == 0 ? [] : [.init(address: call.arguments[1], bytes: TraceBuilder.word(status))]
        return .init(.returned(ended.value.pid), writes: writes)
    }

    // MARK: - State

    private func fork(_ task: Task, _ id: TaskID, _ child: TaskID, _ pid: Int64) {
        let copy = Task(pid: pid)
        copy.parent = id
        for (fd, object) in task.fds { install(object, fd, copy) }
        tasks[child] = copy
    }

    private func end(_ id: TaskID, _ status: Int32) {
        guard let task = tasks[id], task.status == nil else { return }
        for fd in Array(task.fds.keys) { close(task, fd) }
        task.status = status
    }

    private func install(_ object: Object, _ fd: Int, _ task: Task) {
        close(task, fd)
        if case .writeEnd(let pipe) = object.kind { pipe.writers += 1 }
        task.fds[fd] = object
    }

    private func close(_ task: Task, _ fd: Int) {
        if case .writeEnd(let pipe)? = task.fds.removeValue(forKey: fd)?.kind { pipe.writers -= 1 }
    }

    private func free(_ task: Task, above start: Int = 0) -> Int {
        var fd = max(start, firstDescriptor)
        while task.fds[fd] != nil { fd += 1 }
        return fd
    }

    private func text(_ call: GuestCall, _ address: UInt64) -> String {
        guard case .cut(let bytes, _) = call.memory.read(address, count: 4096) else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}

extension [UInt8] {
    fileprivate mutating func place(_ bytes: [UInt8], at offset: Int) {
        if count < offset + bytes.count { self += [UInt8](repeating: 0, count: offset + bytes.count - count) }
        replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    }
}
