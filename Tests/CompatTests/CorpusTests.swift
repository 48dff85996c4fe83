// Reading corpora.
import Compat
import Foundation
import Testing

@Suite struct CorpusTests {
    /// Makes `NAME/workload.yaml` in a folder of its own, runs `body`, removes it.
    func withCorpus(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "lacuna-corpus-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, text) in files {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)/workload.yaml"))
        }
        try body(folder)
    }

    @Test func aWorkloadIsReadInFull() throws {
        let yaml = """
            name: unshare
            summary: makes a container
            command: [bash, -c, 'echo "a b"']
            prepare: bash prepare.sh
            packages: [util-linux, mount]
            weight: 0.6
            tags: [container]
            check: grep -q x "$OUT"
            source: corpora/unshare/run.sh
            """
        try withCorpus(["unshare": yaml]) { folder in
            let corpus = try Corpus.load(path: folder + "/")
            let workload = try #require(corpus.workloads.first)
            #expect(workload.command == ["bash", "-c", "echo \"a b\""])
            #expect(workload.commandText == "bash -c 'echo \"a b\"'")
            #expect(workload.weight == Weight(millionths: 600_000))
            #expect(workload.packages == ["util-linux", "mount"])
            #expect(workload.check == "grep -q x \"$OUT\"")
            #expect(workload.prepare == "bash prepare.sh")
            #expect(workload.tracePath == folder + "/unshare/trace.lacuna")
        }
    }

    @Test(arguments: [
        ("name: other\ncommand: [a]\nweight: 1", "name"), ("name: w\ncommand: []\nweight: 1", "command"),
        ("name: w\ncommand: [a]\nweight: 1.5", "weight"), ("name: w\ncommand: [a]\nweight: 0", "weight"),
        ("name: w\ncommand: [a]\nweight: 1\nwieght: 2", "wieght"), ("name: [", "YAML"), ("- a", "mapping"),
    ])
    func aBrokenDescriptionIsNamedWithItsFile(yaml: String, word: String) throws {
        try withCorpus(["w": yaml]) { folder in
            let error = try #require(throws: CorpusError.self) { try Corpus.load(path: folder) }
            #expect(error.file == folder + "/w/workload.yaml")
            #expect(error.message.contains(word))
        }
    }

    @Test func workloadsThatMakeControlGroupsAreReplayedOneByOne() throws {
        func workload(_ name: String, _ tags: [String]) -> Workload {
            var workload = Workload(name: name, command: ["true"], weight: Weight(0.5), folder: name)
            workload.tags = tags
            return workload
        }
        let crun = workload("crun", ["container", "cgroups"])
        let runc = workload("runc", ["cgroups", "go"])
        let git = workload("git", ["files"])
        #expect(!crun.mayRun(beside: [git, runc]))
        #expect(crun.mayRun(beside: [git]))
        #expect(git.mayRun(beside: [crun]))
        #expect(crun.mayRun(beside: []))
    }

    @Test func anEmptyFolderIsNoCorpus() throws {
        try withCorpus([:]) { folder in
            #expect(throws: CorpusError.self) { try Corpus.load(path: folder) }
        }
        #expect(throws: CorpusError.self) { try Corpus.load(path: "/nonexistent") }
    }

    @Test func theCorpusOfThisRepositoryIsSound() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let corpus = try Corpus.load(path: root.appendingPathComponent("corpora").path)
        #expect(corpus.workloads.count >= 14)
        #expect(corpus.workloads.allSatisfy { $0.check != nil && !$0.source.isEmpty && !$0.summary.isEmpty })
        let runtimes = corpus.workloads.filter { ["crun-container", "runc-container"].contains($0.name) }
        #expect(runtimes.count == 2 && !runtimes[0].mayRun(beside: runtimes[1...]))
    }
}
