// The rows of the fact files: what somebody states about WSL 1, and on what ground.
import CFacts
import LinuxABI

/// One statement about WSL 1.
public struct FactRow: Sendable, Hashable {
    public enum Table: String, Sendable, Hashable, CaseIterable {
        case syscalls, features, behaviours
    }
    /// How firm the ground is.
    public enum Basis: String, Sendable, Hashable, CaseIterable {
        /// Microsoft says so: release notes, lists, documentation, published source.
        case documented
        /// Seen on WSL 1: test runs, Microsoft's own tests, users' reports.
        case observed
        /// No source says so.
        case inferred
    }

    public var table: Table
    /// A call, a feature, or `2.3 flock`: section and topic.
    public var name: String
    public var family: String
    /// `supported`, `partial`, `unsupported`, `unknown`; empty for a behaviour.
    public var status: String
    public var basis: Basis
    public var source: String
    /// What the row says, for people.
    public var text: String

    /// All rows, in the order of the files.
    public static let all: [FactRow] = syscalls + features + behaviours
}

extension FactRow.Basis {
    /// The firmest of the sources that a row names.
    init(source: String) {
        let tags = source.split { ";,·".contains($0) }.map { $0.drop { $0 == " " } }
        let documented = ["RN:", "SYS:", "DOC:", "INIT", "SRC", "BLOG:", "microsoft/WSL", "still at "]
        func isDocumented(_ tag: Substring) -> Bool { documented.contains { tag.hasPrefix($0) } }
        func isInferred(_ tag: Substring) -> Bool {
            tag.hasPrefix("inferred") || tag == "absent-from-list" || tag.isEmpty || tag == "–"
        }
        if tags.contains(where: isDocumented) {
            self = .documented
        } else {
            self = tags.allSatisfy(isInferred) ? .inferred : .observed
        }
    }
}

extension FactRow {
    private static func text(_ start: UnsafePointer<UInt8>, _ size: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: start, count: size), as: UTF8.self)
    }

    /// Rows of a tab-separated file without its comments and column names.
    static func rows(_ start: UnsafePointer<UInt8>, _ size: Int) -> [[String]] {
        text(start, size).split(separator: "\n").filter { !$0.hasPrefix("#") }.dropFirst()
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }

    private static let syscalls: [FactRow] = rows(CFacts_syscalls_start(), CFacts_syscalls_size)
        .filter { $0.count >= 7 }
        .map { row in
            FactRow(
                table: .syscalls,
                name: row[0],
                family: ABI.call(named: row[0])?.plain.families.first?.rawValue ?? "other",
                status: row[2],
                basis: Basis(source: row[6]),
                source: row[6],
                text: row[5]
            )
        }

    private static let features: [FactRow] = rows(CFacts_features_start(), CFacts_features_size)
        .filter { $0.count >= 9 }
        .map { row in
            FactRow(
                table: .features,
                name: row[0],
                family: row[3],
                status: row[4],
                basis: Basis(source: row[8]),
                source: row[8],
                text: row[7]
            )
        }

    /// The tables of behaviours.md: one row each, known by section and topic.
    private static let behaviours: [FactRow] = {
        var found: [FactRow] = []
        var (number, title) = ("", "")
        var columns: [String] = []
        var start = 0
        let lines = text(CFacts_behaviours_start(), CFacts_behaviours_size).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        for line in lines {
            if line.hasPrefix("## ") || line.hasPrefix("### ") {
                let words = line.drop { $0 == "#" || $0 == " " }.split(separator: " ", maxSplits: 1)
                guard words.count == 2, words[0].first?.isNumber == true else { continue }
                number = String(words[0].hasSuffix(".") ? words[0].dropLast() : words[0])
                title = String(words[1])
                columns = []
            } else if line.hasPrefix("|") {
                let cells = cells(line)
                if columns.isEmpty {
                    columns = cells
                    start = found.count
                } else if !line.hasPrefix("|--"), cells.count == columns.count {
                    let source = columns.last == "Source" ? cells[cells.count - 1] : ""
                    let said = zip(columns, cells).dropFirst().dropLast(source.isEmpty ? 0 : 1)
                    // Keys of a file are known by section and key.
                    let topic = columns.starts(with: ["Section", "Key"]) ? "\(cells[0]) \(cells[1])" : cells[0]
                    found.append(
                        FactRow(
                            table: .behaviours,
                            name: "\(number) \(topic)",
                            family: "\(number) \(title)",
                            status: "",
                            basis: source == "same" ? .documented : Basis(source: source),
                            source: source,
                            text: said.map { "\($0): \($1)" }.joined(separator: "; ")
                        )
                    )
                }
            } else if line.hasPrefix("Source") {
                // One line of sources under a table without such a column.
                let source = line.drop { $0 != ":" }.dropFirst().drop { $0 == " " }
                for index in start..<found.count where found[index].source.isEmpty {
                    found[index].source = String(source)
                    found[index].basis = Basis(source: String(source))
                }
                columns = []
            } else if line.isEmpty {
                columns = []
            }
        }
        return found
    }()

    /// Cells of a line of a Markdown table; `\|` is no border.
    private static func cells(_ line: Substring) -> [String] {
        line.replacing("\\|", with: "\u{1}").dropFirst().dropLast().split(
            separator: "|",
            omittingEmptySubsequences: false
        ).map { cell in
            var text = cell.drop { $0 == " " }
            while text.last == " " { text.removeLast() }
            return String(text).replacing("\u{1}", with: "|").replacing("&lt;", with: "<").replacing("&gt;", with: ">")
        }
    }
}
