// Which lacuna the tests run, and which of its ways to record.
import Foundation
import Testing

/// A value of `lacuna record --tier`.
struct Tier: Hashable, Sendable, CustomTestStringConvertible {
    var name: String
    /// Options for `lacuna record`.
    var options: [String]
    var testDescription: String { name }
    /// Calls are expected to be recorded inside the process.
    var isInProcess: Bool { name == "fast" || name == "auto" }

    /// The tiers under test: `$LACUNA_TIERS` (names, separated by commas), else all that this lacuna has.
    static let all: [Tier] = {
        let help = try? run([Lacuna.path, "record", "--help"], folder: "/")
        guard help?.output.contains("--tier") == true else { return [Tier(name: "lockstep", options: [])] }
        let names = ProcessInfo.processInfo.environment["LACUNA_TIERS"] ?? "lockstep,fast"
        return names.split(separator: ",").map { Tier(name: String($0), options: ["--tier", String($0)]) }
    }()
    static let lockStep = all.first { !$0.isInProcess }
    static let inProcess = all.first { $0.isInProcess }
}

enum Lacuna {
    /// `$LACUNA`, else the executable that was built with the tests.
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["LACUNA"] { return path }
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("lacuna").path
    }()
}

/// Whether a program is on this machine's search path.
func has(_ program: String) -> Bool {
    (try? run(["sh", "-c", "command -v \(program)"], folder: "/"))?.status == 0
}
