// Late notes of a whole program's calls are those that the supervisor made before each call.
import Glibc
import LinuxABI
import Testing
import TraceLog

@testable import Recorder

private struct RecordMemory: CallMemory {
    let call: CallRecord

    func withMemory<R>(
        _ direction: MemoryRecord.Direction,
        at address: UInt64,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R? {
        call.chunks.first { $0.direction == direction && $0.address == address }?.bytes.withUnsafeBytes(body)
    }
}

extension Recordings {
    @Suite struct LateEquivalence {
        /// What LatePaths makes of a recorded stream, once all of its processes are gone.
        private func lateNotes(_ trace: Trace) throws -> [PathRecord] {
            let queue = try #require(EventQueue())
            defer { queue.free() }
            var late = LatePaths(queue: queue, calls: CallTable(), referencePid: nil)
            var tasks: [TaskID: LateTask] = [:]
            var events = trace.tasks[...]
            var records: [PathRecord] = []
            for call in trace.calls {
                while let event = events.first, event.afterCalls <= call.index {
                    events.removeFirst()
                    switch event.kind {
                    case .created(let tid, let tgid, let parent, let byCall):
                        guard let parent, let mother = tasks[parent], let byCall else {
                            tasks[event.task] = late.root(tid: tid, tgid: tgid, start: trace.snapshot)
                            continue
                        }
                        let clone = trace.calls[Int(byCall)]
                        let flags = CloneFlags(of: clone.number, clone.arguments, memory: RecordMemory(call: clone))
                        tasks[event.task] = late.created(tid: tid, tgid: tgid, parent: mother, flags: flags)
                    case .executed:
                        if let task = tasks[event.task] { late.executed(task, tid: task.tgid) }
                    case .exited: tasks[event.task] = nil
                    }
                }
                guard let task = tasks[call.task] else { continue }
                let known = call.flags.isDisjoint(with: .withoutResult)
                let said = LateCall(
                    number: call.number,
                    arguments: call.arguments,
                    result: known ? call.result : LateCall.noResult
                )
                if late.fastCall(said, of: task, memory: RecordMemory(call: call)) { records += late.takeRecords() }
            }
            #expect(late.derived == 0)
            #expect(late.foreignPaths == 0)
            return records
        }

        /// As far as it is the same for both: the look itself changes access times.
        private func line(_ record: PathRecord) -> String {
            let status = record.status
            return "\(record.path) \(record.absent ?? 0) \(status.mode) \(status.inode) \(status.size) "
                + "\(status.modificationTime) \(record.linkTarget ?? "")"
        }

        @Test(arguments: [
            "exec find . -type f",
            "exec ls -lR .",
            "cd b && find .. -name '*.txt' -exec cat {} + && cd ../b/c && ls -l ../../lost",
            "find . -type l -exec readlink -f {} \\; ; test -e b/no/where ; cat link/deep.txt",
        ])
        func wholeProgramsAreNotedAlike(_ script: String) throws {
            let scratch = try Scratch()
            let tree = scratch.file("tree")
            shell(
                """
                mkdir -p '\(tree)/b/c/d' && cd '\(tree)' && echo 1 > a.txt && echo 22 > b/c/deep.txt \
                && ln -s b/c link && ln -s gone lost && ln -s ../../a.txt b/c/up && mkfifo b/c/d/fifo
                """
            )
            let command = ["/bin/sh", "-c", "cd '\(tree)'; \(script)"]
            let (_, trace) = try record(scratch, command, tiers[0])
            let expected = trace.paths.filter { $0.path.hasPrefix(tree) }.map(line)
            let found = try lateNotes(trace).filter { $0.path.hasPrefix(tree) }.map(line)
            #expect(expected.count >= 4)
            #expect(found.sorted() == expected.sorted())
            #expect(Set(found).count == found.count)
        }
    }
}
