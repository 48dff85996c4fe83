// What a replay holds of things that are gone: no more after many rounds than after few.
import Engine
import LinuxABI
import PicoProvider
import Testing
import TraceLog

@testable import Replay

@Suite("Lifetimes")
struct LifetimeTests {
    /// Each round a program is started that makes a directory with a file, looks at both and removes them.
    private static func loop(_ rounds: Int) -> Trace {
        var builder = TraceBuilder()
        builder.path("/bin/tool", mode: 0o100755)
        for round in 0..<rounds {
            let pid = Int64(1000 + round)
            let child = builder.fork(pid: pid).child
            let program = [(UInt64(0x1000), TraceBuilder.text("/bin/tool"))]
            builder.call("execve", 0x1000, 0, 0, task: child, in: program, result: 0)
            let folder = "/home/round\(round)"
            builder.call("mkdir", 0x1000, 0o755, task: child, in: [(0x1000, TraceBuilder.text(folder))], result: 0)
            builder.open("\(folder)/file", "O_CREAT", "O_EXCL", "O_RDWR", task: child, result: 3)
            builder.write(3, "text \(round)", task: child)
            let status = Self.status(inode: 500 + UInt64(round % 3), time: round)
            builder.call("fstat", 3, 0x2000, task: child, out: [(0x2000, status)], result: 0)
            builder.call("close", 3, task: child, result: 0)
            let file = [(UInt64(0x1000), TraceBuilder.text("\(folder)/file"))]
            builder.call("unlink", 0x1000, task: child, in: file, result: 0)
            builder.call("rmdir", 0x1000, task: child, in: [(0x1000, TraceBuilder.text(folder))], result: 0)
            builder.exit(task: child)
            let ended = [(UInt64(0x6000), TraceBuilder.word(0))]
            builder.call("wait4", UInt64(pid), 0x6000, 0, 0, out: ended, result: pid)
        }
        builder.exit()
        return builder.trace
    }

    /// `struct stat` of a regular file.
    private static func status(inode: UInt64, time: Int) -> [UInt8] {
        var words = [UInt64](repeating: 0, count: 18)
        words[0] = 3
        words[1] = inode
        words[2] = 1
        words[3] = 0o100644
        words[6] = 7
        for index in [9, 11, 13] { words[index] = UInt64(1_700_000_000 + time) }
        return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }

    /// What is held when the last call is made.
    private struct Held: Equatable {
        var tasks: Int
        var names: Int
        var spaces: Int
        var readings: Int
        var files: Int
        var threads: Int
    }

    private func held(_ rounds: Int) throws -> Held {
        let trace = Self.loop(rounds)
        let replayer = Replayer(trace: trace)
        let engine = WSL1Engine()
        let run = ReplayRun(
            recording: replayer.recording,
            isPrepared: true,
            preparation: replayer.preparation,
            options: ReplayOptions(),
            engine: engine
        )
        run.world.tasks.memory = 32
        run.world.files.enoughNames = 256
        let result = run.run()
        #expect(result.counts.same > UInt64(6 * rounds), "\(result.summary.prefix(600))")
        return Held(
            tasks: run.world.tasks.count,
            names: run.world.files.count,
            spaces: run.names.count,
            readings: run.order.count,
            files: run.names.filesSeen.count,
            threads: engine.heldThreads
        )
    }

    @Test("Tasks, names, tables and readings of what is gone are let go")
    func flat() throws {
        let few = try held(200)
        let many = try held(600)
        #expect(many.tasks <= 66 && few.tasks <= 66, "\(few) \(many)")
        #expect(many.names <= 258 && few.names <= 258, "\(few) \(many)")
        #expect(many.spaces == few.spaces && many.spaces < 16, "\(few) \(many)")
        #expect(many.readings == few.readings && many.files == few.files, "\(few) \(many)")
        #expect(many.threads == few.threads && many.threads <= 2, "\(few) \(many)")
    }

    @Test("A name that was forgotten stays absent: a file there without a call that made it came from outside")
    func absence() throws {
        let world = RecordedWorld(TraceBuilder().trace)
        let files = world.files
        for index in 0..<20_000 {
            let name = files.name("/home/made\(index)")
            _ = files.create(name, kind: .regular, mode: 0o644, call: UInt64(index))
            files.remove(name, kind: .regular, call: UInt64(index))
            if files.mayForget { files.forgetAbsent() }
        }
        #expect(files.count < 10_000)
        #expect(files.departures.makers.count == 20_000)
        #expect(files.isKnownAbsent("/home/made19999"), "the last ones are still held")
        let old = files.name("/home/made5")
        guard case .absent = old.state else {
            Issue.record("what was removed is not known to be absent")
            return
        }
        _ = files.proveExists(old, kind: .regular, call: 30_000)
        let change = "/home/made5: absent, then there without a recorded call that made it"
        #expect(files.changes.map(\.summary) == [change])
    }

    @Test("Names that somebody refers to are not forgotten")
    func references() {
        let files = RecordedFiles()
        let kept = files.name("/a/kept")
        files.proveAbsent(kept, call: 0)
        for index in 0..<100 { files.proveAbsent(files.name("/b/\(index)"), call: 0) }
        files.forgetAbsent()
        #expect(files.name("/a/kept") === kept && kept.parent === files.name("/a"))
        #expect(files.count < 10)
    }

    @Test("A child that nobody has waited for stays known; one that was waited for goes")
    func zombies() {
        var table = TaskTable()
        table.memory = 100
        func state(_ number: UInt32, parent: UInt32?) -> TaskState {
            TaskState(
                id: TaskID(rawValue: number),
                tid: Int32(number),
                tgid: Int32(number),
                parent: parent.map { TaskID(rawValue: $0) },
                files: DescriptorTable(id: 0),
                directories: DirectoryContext(workingDirectory: "/", root: "/", umask: 0),
                mounts: MountTable(),
                uids: [],
                gids: [],
                signalMask: 0,
                createdBy: nil,
                pidNamespace: 0,
                memory: 0
            )
        }
        table[TaskID(1)] = state(1, parent: nil)
        for number in UInt32(2)...3000 {
            let child = state(number, parent: 1)
            table[child.id] = child
            child.isAlive = false
            child.isReaped = number % 1000 != 0
            table.retire(child)
        }
        #expect(table.count < 210)
        #expect(table[TaskID(2)] == nil && table.numbered(2) == nil && table.group(of: TaskID(2)) == 2)
        #expect(table.numbered(1000)?.id == TaskID(1000), "a zombie")
    }

    @Test("A call table holds what was put in, in any order")
    func callTable() {
        var generator = SeededGenerator(11)
        var table = CallTable<UInt32>()
        var plain: [UInt64: UInt32] = [:]
        for _ in 0..<20_000 {
            let call = generator.next() % 60_000
            switch generator.next() % 4 {
            case 0:
                table[call] = nil
                plain[call] = nil
            case 1:
                table.update(call) { $0 += 1 }
                plain[call]? += 1
            default:
                let value = UInt32(truncatingIfNeeded: generator.next() >> 40)
                table[call] = value
                plain[call] = value
            }
        }
        #expect(table.count == plain.count && !table.isEmpty)
        for call in 0..<UInt64(60_000) where table[call] != plain[call] { Issue.record("call \(call)") }
    }
}
