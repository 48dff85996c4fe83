// `lacuna wsl`: distributions are remembered between commands, instances live within one.
import Foundation
import Testing

@Suite struct WSLTests {
    /// Runs `lacuna wsl` with its list of distributions in a folder of the test's.
    private func wsl(_ folder: String, _ words: [String]) throws -> Run {
        let environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "XDG_STATE_HOME": folder + "/state"]
        return try lacuna(["wsl"] + words, environment: environment)
    }

    private func withDistribution(_ body: (String) throws -> Void) throws {
        try withFolder { folder in
            let root = folder + "/root"
            try FileManager.default.createDirectory(atPath: root + "/etc", withIntermediateDirectories: true)
            #expect(try wsl(folder, ["--import", "debian", root]).status == 0)
            try body(folder)
        }
    }

    @Test func distributionsAreRemembered() throws {
        try withDistribution { folder in
            let list = try wsl(folder, ["--list", "--verbose"])
            #expect(list.status == 0)
            #expect(list.output.contains("debian"))
            #expect(list.output.contains("Stopped"))
            #expect(try wsl(folder, ["--unregister", "debian"]).status == 0)
            #expect(try wsl(folder, ["--list"]).output.contains("debian") == false)
        }
    }

    @Test func initMountsWhatWSLMounted() throws {
        try withDistribution { folder in
            let start = try wsl(folder, ["-d", "debian"])
            #expect(start.status == 0)
            for mount in ["rootfs / ", "none /dev tmpfs", "proc /proc proc", "C: /mnt/c drvfs"] {
                #expect(start.output.contains(mount), "\(mount)")
            }
        }
    }

    @Test func idleInstancesStop() throws {
        try withDistribution { folder in
            let script = folder + "/script"
            let lines = "-d debian\n--list --running\nadvance 20s\n--list --running\n"
            try lines.write(toFile: script, atomically: false, encoding: .utf8)
            let run = try wsl(folder, ["--script", script])
            #expect(run.status == 0)
            #expect(run.lines.count { $0.hasPrefix("debian (Default)") } == 1, "only before it was idle")
            #expect(run.lines.contains { $0.contains("idle for 15 s") })
        }
    }

    @Test func whatIsNotThereIsSaidInOneLine() throws {
        try withDistribution { folder in
            let unknown = try wsl(folder, ["-d", "arch"])
            #expect(unknown.status == 3)
            #expect(unknown.errors.contains("there is no distribution 'arch'"))
            #expect(unknown.errors.split(separator: "\n").count == 1)
            #expect(try wsl(folder, ["--import", "x", folder + "/none"]).status == 3)
            #expect(try wsl(folder, ["--frobnicate"]).status == 2)
        }
    }
}
