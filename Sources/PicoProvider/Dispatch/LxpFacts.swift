// Reads the tab-separated fact files that are embedded in the build.
import CFacts
import LinuxABI

enum LxpFacts {
    /// Rows of a file without comments and without the line of column names.
    static func rows(_ start: UnsafePointer<UInt8>, _ size: Int) -> [[String]] {
        let bytes = UnsafeBufferPointer(start: start, count: size)
        let lines = bytes.split(separator: UInt8(ascii: "\n")).filter { $0.first != UInt8(ascii: "#") }
        return lines.dropFirst().map { line in
            line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }
}

/// The sourced status of one call number (syscalls.tsv).
struct LxpSyscallFact: Sendable {
    enum Status: String, Sendable { case supported, partial, unsupported, unknown }

    var name: String
    var number: Int
    var status: Status
    /// The errno when it is not supported; ENOSYS by default (lxcore's dispatcher).
    var errno: Errno
    /// The first build that has the call; nil if no build is named, or Microsoft's list of 15014 has it without a note.
    var firstBuild: Int?
    var note: String
    var source: String

    static let all: [LxpSyscallFact] =
        LxpFacts.rows(CFacts_syscalls_start(), CFacts_syscalls_size).compactMap { row in
            guard row.count >= 7, let number = Int(row[1]), let status = Status(rawValue: row[2]) else { return nil }
            return LxpSyscallFact(
                name: row[0],
                number: number,
                status: status,
                errno: Errno(name: row[4]) ?? .ENOSYS,
                firstBuild: row[3] == "<=15014" ? nil : Int(row[3].drop { $0 == "<" || $0 == "=" }),
                note: row[5],
                source: row[6]
            )
        }
}

/// One row of features.tsv.
struct LxpFeatureFact: Sendable {
    var feature: String
    var syscall: String
    var selector: String
    var family: String
    var status: LxpSyscallFact.Status
    var errno: Errno?
    var source: String

    static let all: [LxpFeatureFact] =
        LxpFacts.rows(CFacts_features_start(), CFacts_features_size).compactMap { row in
            guard row.count >= 9, let status = LxpSyscallFact.Status(rawValue: row[4]) else { return nil }
            return LxpFeatureFact(
                feature: row[0],
                syscall: row[1],
                selector: row[2],
                family: row[3],
                status: status,
                errno: Errno(name: row[5]),
                source: row[8]
            )
        }
}
