// lacuna score, replay and explain, as far as they do not depend on how good an engine is.
import Foundation
import Testing

@Suite struct ScoreTests {
    /// A corpus of two workloads without traces.
    func withCorpus(_ body: (String) throws -> Void) throws {
        try withFolder { folder in
            for (name, weight) in [("alpha", "0.5"), ("beta", "1")] {
                try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
                let yaml = "name: \(name)\ncommand: [true]\nweight: \(weight)\n"
                try Data(yaml.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)/workload.yaml"))
            }
            try body(folder)
        }
    }

    func json(_ text: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func workloadsWithoutTraceAreNamedCountZeroAndMakeItMiss() throws {
        try withCorpus { folder in
            let run = try lacuna("score", folder, "--json")
            #expect(run.status == 3)
            let card = try json(run.output)
            #expect(card["completeness"] as? Int == 0)
            #expect(card["status"] as? String == "MISS")
            let notices = try #require(card["notices"] as? [[String: Any]])
            #expect(notices.map { $0["subject"] as? String } == ["alpha", "beta"])
            #expect(try #require(notices[0]["text"] as? String).contains("\(folder)/alpha/trace.lacuna is missing"))
        }
    }

    @Test func aDamagedTraceIsAnError() throws {
        try withCorpus { folder in
            let path = "\(folder)/alpha/trace.lacuna"
            try writeLog(path)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
            let card = try json(try lacuna("score", folder, "--json").output)
            #expect(card["status"] as? String == "ERROR")
        }
    }

    @Test func outHoldsAllReportsOfOneScorecard() throws {
        try withCorpus { folder in
            let out = "\(folder)/reports/today"
            let run = try lacuna("score", folder, "--out", out)
            #expect(run.output.contains("alpha"))
            for name in ["scorecard.json", "index.html", "junit.xml", "results.sarif"] {
                #expect(FileManager.default.fileExists(atPath: "\(out)/\(name)"))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: out).count == 4)
            let first = try Data(contentsOf: URL(fileURLWithPath: "\(out)/scorecard.json"))
            #expect(try lacuna("score", folder, "--json").output == String(decoding: first, as: UTF8.self))
            let again = try lacuna("score", folder, "--baseline", "\(out)/scorecard.json", "--json")
            let comparison = try #require(try json(again.output)["comparison"] as? [String: Any])
            #expect((comparison["regressions"] as? [Any])?.isEmpty == true)
        }
    }

    @Test func severalEnginesStandSideBySide() throws {
        try withCorpus { folder in
            let out = "\(folder)/reports/both"
            let run = try lacuna("score", folder, "--engine", "wsl1", "--engine", "wsl1@14393", "--out", out)
            #expect(run.output.contains("Gaps of one engine alone") && run.output.contains("alpha"))
            let places = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
            #expect(places == ["index.html", "matrix.json", "wsl1", "wsl1@14393"])
            #expect(FileManager.default.fileExists(atPath: "\(out)/wsl1@14393/index.html"))
            let page = try String(contentsOfFile: "\(out)/index.html", encoding: .utf8)
            #expect(page.contains("wsl1@14393/index.html#workload-alpha"))
            let twice = try lacuna("score", folder, "--engine", "wsl1", "--engine", "wsl1")
            #expect(twice.status == 2 && twice.errors.contains("twice"))
        }
    }

    @Test func whatCannotBeUsedIsNamed() throws {
        try withCorpus { folder in
            func expect(_ run: Run, _ status: Int32, _ word: String) {
                #expect(run.status == status)
                #expect(run.errors.hasPrefix("lacuna: ") && run.errors.contains(word), "\(run.errors)")
                #expect(run.errors.split(separator: "\n").count == 1)
            }
            expect(try lacuna("score", "/nonexistent"), 3, "/nonexistent")
            expect(try lacuna("score", folder, "--engine", "wsl3"), 2, "there is no engine 'wsl3'")
            expect(try lacuna("score", folder, "--baseline", "/etc/passwd"), 3, "/etc/passwd: is not a scorecard.json")
            expect(try lacuna("score", folder, "--out", "/proc/nothing"), 3, "/proc/nothing")
            expect(try lacuna("score", folder, "--jobs", "0"), 2, "--jobs")
            expect(try lacuna("replay", "/etc/passwd"), 3, "not a lacuna log")
            expect(try lacuna("replay", "x", "--engine", "wsl3"), 2, "there is no engine 'wsl3'")
            let log = "\(folder)/t.lacuna"
            try writeLog(log)
            expect(try lacuna("explain", log, "77"), 3, "has no call 77; it has calls 0 to 5")
        }
    }

    @Test func twoReplaysGiveEqualBytes() throws {
        try withFolder { folder in
            let log = folder + "/t.lacuna"
            try writeLog(log)
            let first = try lacuna("replay", log, "--json")
            #expect(try json(first.output)["verdicts"] != nil)
            #expect(try lacuna("replay", log, "--json").output == first.output)
        }
    }
}
