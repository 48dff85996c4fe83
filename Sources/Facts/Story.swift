// A recording written by hand, as strace would print it: what Linux answered, to be replayed on WSL 1.
import LinuxABI
public import TraceLog

/// Lines as in a check file: `[TASK:] [NAME =] call(...) -> RESULT`, with what must be there before.
///
/// A file of stories begins with comments (the first line is its title), then `build 18363` for the build that it is told
/// of, `exists PATH MODE` for files that were there, and calls; the one that the story is about is marked with `> `. A call may
/// end with its duration, as strace -T prints it.
public struct Story: Sendable {
    /// What it tells, one paragraph.
    public private(set) var introduction: [String] = []
    /// The build of Windows it is told of; nil: the engine's last.
    public private(set) var build: Int?
    /// Index of the call that it is about: the marked one, else the last.
    public private(set) var subject: UInt64 = 0
    public private(set) var trace = Trace()

    private var encoder = CallEncoder(base: 0x10_0000_0000)
    private var names: Literal.Names = [:]
    private var tasks: [String: UInt32] = ["": 0]
    private var time: UInt64 = 1000

    /// - Throws: what cannot be read, with file and line.
    public init(_ text: String, file: String = "story") throws(FactCheckError) {
        var snapshot = StartSnapshot()
        snapshot.pid = 100
        snapshot.workingDirectory = "/"
        snapshot.uids = [0, 0, 0, 0]
        snapshot.gids = [0, 0, 0, 0]
        snapshot.capabilities = [0, .max, .max, .max, 0]
        trace.snapshot = snapshot
        trace.tasks = [
            TaskRecord(
                task: TaskID(0),
                time: 0,
                afterCalls: 0,
                kind: .created(tid: 100, tgid: 100, parent: nil, byCall: nil)
            )
        ]
        var isMarked = false
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = raw.drop { $0 == " " }
            guard !line.isEmpty else { continue }
            do throws(StoryProblem) {
                if line.first == "#" {
                    if trace.calls.isEmpty { introduction.append(String(line.dropFirst().drop { $0 == " " })) }
                } else if line.hasPrefix("build ") {
                    guard let number = Int(line.dropFirst(6)) else { throw StoryProblem("a build is a number") }
                    build = number
                } else if line.hasPrefix("exists ") {
                    try exists(line.dropFirst(7))
                } else {
                    let isSubject = line.hasPrefix("> ")
                    if isSubject { line = line.dropFirst(2) }
                    if isSubject || !isMarked { subject = UInt64(trace.calls.count) }
                    isMarked = isMarked || isSubject
                    try add(line)
                }
            } catch {
                throw FactCheckError(file, index + 1, error.text)
            }
        }
        guard !trace.calls.isEmpty else { throw FactCheckError(file, 1, "a story has calls") }
    }

    private mutating func add(_ whole: Substring) throws(StoryProblem) {
        let (line, duration) = try Self.timed(whole)
        var parser = LiteralParser(line)
        var task = ""
        var binding: String?
        let call: EncodedCall
        let result: Int64?
        do throws(LiteralError) {
            var word = parser.word()
            if parser.take(":") {
                task = word
                word = parser.word()
            }
            if parser.take("=") {
                binding = word
                word = parser.word()
            }
            try parser.expect("(")
            let arguments = try parser.list(until: ")").values
            try parser.expect("->")
            result = try parser.value().number(names)
            call = try encoder.encode(word, arguments, names: names)
        } catch {
            throw StoryProblem(error.description)
        }
        guard let result else { throw StoryProblem("a result is a number or an errno") }
        guard let actor = tasks[task] else { throw StoryProblem("no task is called \(task)") }
        append(call, result, actor, binding, duration)
    }

    /// Off the end, how long the call took, in seconds as strace -T has it: `<1.0>`; in nanoseconds.
    private static func timed(_ line: Substring) throws(StoryProblem) -> (Substring, UInt64) {
        guard line.last == ">", let start = line.lastIndex(of: "<") else { return (line, 0) }
        guard let seconds = Double(line[line.index(after: start)...].dropLast()), 0...3600 ~= seconds else {
            throw StoryProblem("a duration is in seconds, at most 3600: <1.0>")
        }
        return (line[..<start], UInt64(seconds * 1e9))
    }

    private mutating func append(
        _ call: EncodedCall,
        _ result: Int64,
        _ actor: UInt32,
        _ binding: String?,
        _ duration: UInt64
    ) {
        let index = UInt64(trace.calls.count)
        trace.calls.append(
            CallRecord(
                index: index,
                task: TaskID(rawValue: actor),
                number: UInt32(call.description.numbers.x86_64 ?? 0),
                arguments: call.words,
                result: result,
                entryTime: time,
                exitTime: time + 5 + duration,
                chunks: call.memory.chunks.map { MemoryRecord(.input, address: $0.address, bytes: $0.bytes) }
            )
        )
        if let binding { names[binding] = result }
        if call.variant.createsTask, result > 0, let binding {
            let child = UInt32(trace.tasks.count)
            tasks[binding] = child
            trace.tasks.append(
                TaskRecord(
                    task: TaskID(rawValue: child),
                    time: time + 1,
                    afterCalls: index + 1,
                    kind: .created(
                        tid: Int32(result),
                        tgid: Int32(result),
                        parent: TaskID(rawValue: actor),
                        byCall: index
                    )
                )
            )
        }
        time += 10 + duration
    }

    /// `/bin/sh 0100755`: a file with its mode, in octal.
    private mutating func exists(_ words: Substring) throws(StoryProblem) {
        let parts = words.split(separator: " ")
        guard parts.count == 2, parts[0].first == "/", let mode = UInt32(parts[1], radix: 8) else {
            throw StoryProblem("what exists has a path and a mode: exists /bin/sh 0100755")
        }
        var status = FileStatus()
        status.mode = mode
        status.inode = UInt64(trace.paths.count) + 70
        status.device = 3
        status.links = mode & 0o170000 == 0o040000 ? 2 : 1
        trace.paths.append(PathRecord(path: String(parts[0]), beforeCall: 0, absent: nil, status: status))
    }
}

private struct StoryProblem: Error {
    let text: String
    init(_ text: String) { self.text = text }
}
