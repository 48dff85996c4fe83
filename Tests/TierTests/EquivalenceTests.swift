// Both tiers record the same calls, results and memory of the same program.
import Foundation
import Testing
import TraceLog

extension Tiers {
    @Suite(.serialized) struct Equivalence {
        /// A program that does the same whenever it runs; `folder` is copied to where it runs.
        struct Case: Sendable, CustomTestStringConvertible {
            var name: String
            var command: [String]
            var folder: String?
            var testDescription: String { name }
        }

        static let corpora = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../corpora").standardizedFileURL.path

        static func workload(_ name: String) -> Case {
            Case(name: name, command: ["bash", "run.sh"], folder: "\(corpora)/\(name)")
        }

        static let everyCase: [Case] = [
            Case(name: "ls", command: ["ls", "-laR", "/etc/apt"]),
            Case(name: "sort", command: ["sort", "-u", "/etc/services", "-o", "sorted"]),
            Case(name: "cp", command: ["cp", "-a", "/etc/apt", "copy"]),
            Case(name: "tar", command: ["tar", "-C", "/etc", "-cf", "x.tar", "apt"]),
            Case(name: "find", command: ["find", "/etc", "-name", "*.conf", "-newer", "/etc/passwd"]),
            Case(
                name: "python3",
                command: ["/usr/bin/python3", "-S", "-c", "import os; os.mkdir('d'); print(os.listdir('.'))"]
            ),
            workload("bash-jobs"), workload("coreutils"), workload("gcc"), workload("git"), workload("sqlite3"),
        ]

        /// A few in CI; `$LACUNA_EQUIVALENCE` (names, separated by commas, or `all`) says which else.
        static let cases: [Case] = {
            let chosen = ProcessInfo.processInfo.environment["LACUNA_EQUIVALENCE"] ?? "ls,cp,find,gcc,sqlite3"
            let names = chosen.split(separator: ",").map(String.init)
            return everyCase.filter { chosen == "all" || names.contains($0.name) }
        }()

        /// Records it in a new folder of the same name as ever: a path's length must not differ between runs. The old
        /// one stays, under another name: inode numbers that it gave back would be used again, and seem to be fixed.
        private func record(_ program: Case, _ tier: Tier, _ folder: Folder) throws -> Trace {
            let files = FileManager.default
            let place = folder.file("work")
            if files.fileExists(atPath: place) {
                try files.moveItem(atPath: place, toPath: folder.file("old-\(UUID().uuidString)"))
            }
            if let source = program.folder {
                try files.copyItem(atPath: source, toPath: place)
                try? files.removeItem(atPath: place + "/trace.lacuna")
            } else {
                try files.createDirectory(atPath: place, withIntermediateDirectories: true)
            }
            let log = folder.file("log.lacuna")
            // Without chance in addresses there is less of it elsewhere: in the kernel's and malloc's choices.
            let record = ["setarch", "-R", Lacuna.path, "record", "-o", log] + tier.options + ["--"]
            let outcome = try run(record + program.command, folder: place, environment: ["HOME": place])
            try #require(outcome.status == 0, "\(outcome)")
            return try Trace.load(path: log)
        }

        @Test(arguments: cases) func bothTiersRecordTheSame(_ program: Case) throws {
            let lockStep = try #require(Tier.lockStep)
            let folder = try Folder()
            var comparison = StreamComparison()
            comparison.learn(try record(program, lockStep, folder))
            // Chance, and races of a program's own processes, give way to more examples; a tier's fault does not.
            var confirmed: Set<Place> = []
            var unconfirmed: [Place] = []
            var problems: [String] = []
            for attempt in 1...8 {
                comparison.learn(try record(program, lockStep, folder))
                let trace = try record(program, Tier.inProcess ?? lockStep, folder)
                let (isFamily, tasks) = comparison.differences(trace)
                confirmed.formUnion(tasks.filter { $0.value == nil }.keys)
                unconfirmed = tasks.keys.filter { !confirmed.contains($0) }
                problems = unconfirmed.compactMap { tasks[$0] ?? nil }.sorted()
                if !isFamily { problems.append("\(tasks.count) tasks, in no recording by the other tier") }
                guard problems.isEmpty else { continue }
                print("\(program.name): \(trace.calls.count) calls of \(tasks.count) tasks the same at try \(attempt)")
                return
            }
            if comparison.racing.isSuperset(of: unconfirmed) {
                print("\(program.name): left out, as by one tier they are no two times the same: tasks \(unconfirmed)")
                return
            }
            for problem in problems.prefix(20) { Issue.record("\(problem)") }
        }

        @Test func otherCallsResultsAndBytesAreDifferences() throws {
            let lockStep = try #require(Tier.lockStep)
            let folder = try Folder()
            let source = try Folder()
            func head(_ text: String) throws -> Trace {
                try text.write(toFile: source.file("in"), atomically: false, encoding: .utf8)
                let program = Case(name: "head", command: ["head", "-c", "10", "in"], folder: source.path)
                return try record(program, lockStep, folder)
            }
            var comparison = StreamComparison()
            for _ in 0..<3 { comparison.learn(try head("text")) }
            func difference(_ trace: Trace) -> String {
                comparison.differences(trace).tasks[[], default: nil] ?? "none"
            }
            #expect(difference(try head("text")) == "none")
            #expect(difference(try head("test")).contains("read: memory 0, byte 2"))
            #expect(difference(try head("texts")).contains("read: result 4, 5"))
            var changed = try head("text")
            let write = try #require(changed.calls.lastIndex { $0.number == 1 })
            changed.calls[write].result = 3
            #expect(difference(changed).contains("write: result 4, 3"))
            changed.calls[write].number = 2
            #expect(difference(changed).contains("write against open"))
            changed.calls.remove(at: write)
            #expect(difference(changed).contains("write against"))
        }
    }
}
