// The programs under Programs/: how each is built and run.
import Foundation
import Testing
import TraceLog

/// A program that is run unrecorded and recorded, and must not notice.
struct Program: Sendable, CustomTestStringConvertible {
    var name: String
    /// A source file under Programs/, or nil for an installed program.
    var source: String?
    /// Compiler flags besides the usual.
    var flags: [String] = []
    /// `{program}` stands for what was built, `{folder}` for where; sources under Programs/ are in `{sources}`.
    var command = ["{program}"]
    /// Shell commands before the first run, in the folder.
    var preparation = ""
    /// What must be on the search path.
    var needs: [String] = []
    /// Seconds after which it hangs.
    var limit = 60.0
    /// The least share of calls that must be recorded in the process, where that is asked for.
    var share = 0.0
    var testDescription: String { name }

    static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Programs"

    /// Builds it in the folder; what to run.
    func build(in folder: Folder) throws -> [String] {
        let target = folder.file("program")
        func fill(_ text: String) -> String {
            text.replacing("{program}", with: target).replacing("{folder}", with: folder.path)
                .replacing("{sources}", with: Self.sources)
        }
        if let source {
            let path = "\(Self.sources)/\(source)"
            let compiler =
                source.hasSuffix(".go") ? ["go", "build", "-o", target] : ["cc", "-O1", "-pthread", "-o", target]
            // Go keeps its cache beside what it builds.
            let built = try run(
                compiler + flags + [path],
                folder: folder.path,
                environment: ["GOCACHE": "/tmp/lacuna-go-cache", "GO111MODULE": "off", "CGO_ENABLED": "0"],
                limit: 120
            )
            try #require(built.status == 0, "\(built)")
        }
        if !preparation.isEmpty {
            let prepared = try run(["sh", "-ec", fill(preparation)], folder: folder.path)
            try #require(prepared.status == 0, "\(prepared)")
        }
        return command.map(fill)
    }
}

/// A program that was built and run unrecorded; ready to be recorded any number of times.
struct Subject {
    let program: Program
    let folder: Folder
    let command: [String]
    /// The unrecorded run's.
    let expected: Outcome

    init(_ program: Program) throws {
        self.program = program
        folder = try Folder()
        command = try program.build(in: folder)
        expected = try run(
            command,
            folder: folder.path,
            environment: ["REPORT": folder.file("native.report")],
            limit: program.limit
        )
    }

    /// Records it and holds everything against the unrecorded run and its own report.
    @discardableResult
    func record(_ tier: Tier) throws -> Audit {
        let log = folder.file("\(tier.name).lacuna")
        let report = folder.file("\(tier.name).report")
        let files = FileManager.default
        try? files.removeItem(atPath: report)
        #expect(files.createFile(atPath: report, contents: nil, attributes: [.posixPermissions: 0o666]))
        var found = try run(
            [Lacuna.path, "record", "-o", log] + tier.options + ["--"] + command,
            folder: folder.path,
            environment: ["REPORT": report],
            limit: program.limit
        )
        // The recorder's own words are looked at below, as notes in the log.
        found.output = found.output.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("lacuna: ") }.joined(separator: "\n")
        #expect(found == expected, "\(tier.name): \(found)")
        let verified = try run([Lacuna.path, "verify", log], folder: folder.path)
        #expect(verified.status == 0, "\(tier.name): \(verified)")
        let lines = try ReportLine.parse(String(contentsOfFile: report, encoding: .utf8))
        let audit = try Audit(log: log, lines: lines)
        let problems = audit.problems() + audit.differences(from: lines)
        for problem in problems { Issue.record("\(tier.name): \(problem)") }
        if tier.isInProcess {
            let ways = audit.trailer?.ways ?? [:]
            #expect(audit.inProcessShare >= program.share, "\(ways)")
        }
        return audit
    }
}
