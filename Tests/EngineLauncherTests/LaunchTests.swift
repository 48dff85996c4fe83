// Engines that are here: they start, run programs, carry bytes both ways, and leave nothing behind.
import EngineLauncher
import Foundation
import Testing

@Suite(.serialized) struct LaunchTests {
    static let engines = ["native", "gvisor", "qemu-user", "proot", "uml"]

    @Test(arguments: engines) func statusAndOutputComeThrough(name: String) throws {
        guard isInstalled(name) else { return skipped(name) }
        let engine = try EngineLauncher(try definition(name)).start()
        defer { engine.stop() }
        var run = ProgramRun(words: ["sh", "-c", "cat; echo err >&2; exit 3"], environment: path, seconds: 20)
        run.input = Array("in".utf8)
        let host = try run.onHost()
        let inside = try run.inside(engine)
        #expect(host.status == 3 << 8)
        #expect(host.output == Array("in".utf8))
        let comparison = RunComparison(engine: name, host: host, inside: inside)
        #expect(comparison.isSame, "\(comparison)")
        let place = try #require(engine.record.inside)
        #expect(!place.release.isEmpty && place.processors > 0 && place.limits["nofile"]?.count == 2)
    }

    /// More than any buffer on the way holds, of every byte value, while as much comes back.
    @Test(arguments: engines) func linesAreTransparent(name: String) throws {
        guard isInstalled(name) else { return skipped(name) }
        let engine = try EngineLauncher(try definition(name)).start()
        defer { engine.stop() }
        var run = ProgramRun(words: ["cat"], environment: path, seconds: 60)
        run.input = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let inside = try run.inside(engine)
        #expect(inside.status == 0)
        #expect(inside.output == run.input)
    }

    @Test(arguments: engines) func aProgramAfterAProgramThatHangs(name: String) throws {
        guard isInstalled(name) else { return skipped(name) }
        let engine = try EngineLauncher(try definition(name)).start()
        defer { engine.stop() }
        let mark = "86\(UInt32.random(in: 100_000...999_999))"
        let hanging = try ProgramRun(words: ["sleep", mark], environment: path, seconds: 0.3).inside(engine)
        #expect(hanging.status == nil)
        let next = try ProgramRun(words: ["echo", "next"], environment: path, seconds: 20).inside(engine)
        #expect(next.output == Array("next\n".utf8))
        #expect(processes(holding: mark).isEmpty)
    }

    /// A daemon has left its parent, its session and its process group.
    @Test func daemonsEndToo() throws {
        let engine = try EngineLauncher(try definition("native")).start()
        let mark = "87\(UInt32.random(in: 100_000...999_999))"
        let run = ProgramRun(
            words: ["sh", "-c", "setsid sleep \(mark) >/dev/null 2>&1 & exit 0"],
            environment: path,
            seconds: 20
        )
        #expect(try run.inside(engine).status == 0)
        #expect(processes(holding: mark).isEmpty)
    }

    /// The program's grandchild reads how its child was started.
    @Test func executedProgramsStayInTheEmulator() throws {
        guard isInstalled("qemu-user") else { return skipped("qemu-user") }
        let engine = try EngineLauncher(try definition("qemu-user")).start()
        try withFolder { folder in
            let script = "\(folder)/script"
            let text = "#!/bin/sh\ntr '\\0' ' ' </proc/$PPID/cmdline; exit 6\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: script))
            chmod(script, 0o755)
            let run = ProgramRun(
                words: ["sh", "-c", "sh -c 'nosuch 2>/dev/null; \(script); exit $?'; exit $?"],
                environment: path,
                seconds: 20
            )
            let inside = try run.inside(engine)
            #expect(inside.status == 6 << 8)
            let line = String(decoding: inside.output, as: UTF8.self)
            #expect(line.contains("qemu-x86_64-static -0 sh /"), "\(line)")
        }
    }

    @Test func aStartThatHangsIsTriedTwiceAndGivenUp() throws {
        try withFolder { folder in
            let yaml = """
                name: sleeper
                start: [sh, -c, "echo x >> \(folder)/tries; sleep 99", "{program}"]
                start-timeout: 0.3
                """
            #expect {
                try EngineLauncher(try EngineDefinition(yaml: yaml, file: "sleeper.yaml")).start()
            } throws: {
                "\($0)" == "sleeper: does not start: no answer within 0.3 s"
            }
            #expect(FileManager.default.contents(atPath: "\(folder)/tries") == Data("x\nx\n".utf8))
        }
    }

    @Test func aStartThatFailsSaysWhy() throws {
        let yaml = "name: grump\nstart: [sh, -c, \"echo no licence >&2; exit 4\", \"{program}\"]"
        #expect {
            try EngineLauncher(try EngineDefinition(yaml: yaml, file: "grump.yaml")).start()
        } throws: {
            "\($0)" == "grump: does not start: no licence"
        }
    }

    @Test func aFreshCopyForEachRun() throws {
        try withFolder { folder in
            try Data("one\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/file"))
            var run = ProgramRun(
                words: ["sh", "-c", "cat file; echo two >> file; mkdir d"],
                environment: path,
                seconds: 20
            )
            run.folder = folder
            let engine = try EngineLauncher(try definition("native")).start()
            let comparison = RunComparison(engine: "native", host: try run.onHost(), inside: try run.inside(engine))
            #expect(comparison.isSame && comparison.hostStatus == "0", "\(comparison)")
            #expect(FileManager.default.contents(atPath: "\(folder)/file") == Data("one\n".utf8))
        }
    }

    private let path = ["PATH=/usr/local/bin:/usr/bin:/bin"]

    private func skipped(_ name: String) { print("skipped: \(name) is not installed") }
}
