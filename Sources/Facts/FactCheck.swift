// A check: calls with the results that a fact promises, as the files below corpora/facts/wsl1/checks have them.
import CFacts
public import LinuxABI

/// One block of a check file.
public struct FactCheck: Sendable {
    /// One line: a call with what it must do, or an event.
    public struct Step: Sendable {
        public enum Action: Sendable {
            /// `fd = open("/x", O_RDONLY) -> 3`
            case call(name: String, arguments: [Literal])
            /// `... -> 5`: the parked call of the task goes on.
            case resume
            /// `advance 10ms`, in nanoseconds.
            case advance(UInt64)
            /// `signal SIGINT`: from outside.
            case signal(Int32)
            /// `raise STATUS_ACCESS_VIOLATION`: an exception of the processor.
            case raise(String)
            /// `windows create C:\a text -> STATUS_SUCCESS`: a program of the host, and what it is told; nil: anything.
            case host(command: [String], answer: String?)
        }
        public enum Expectation: Sendable {
            /// Any result that is no error.
            case success
            case value(Literal)
            case blocked
            case exited
        }

        public var line: Int
        public var text: String
        /// The name of the task that acts; empty for the first.
        public var task = ""
        /// What the result is called from here on.
        public var binding: String?
        public var action: Action
        public var expectation = Expectation.success
        /// Signals that must be delivered on the way out.
        public var signals: [Literal]?
    }

    /// `fs.checks`.
    public var file: String
    public var line: Int
    /// What it proves.
    public var rows: [(table: FactRow.Table, name: String)]
    /// Entries of ntstatus-errno.tsv that its steps must come by.
    public var statuses: [String] = []
    /// Builds on which it holds.
    public var builds: ClosedRange<Int>
    public var steps: [Step]
    /// Why no call can show it, instead of steps.
    public var untestable: String?

    /// All checks of the build; a file that cannot be read stops the program: it is part of the build.
    public static let all: Result<[FactCheck], FactCheckError> = {
        do throws(FactCheckError) {
            var checks: [FactCheck] = []
            for index in 0..<CFacts_checks_count {
                guard let file = CFacts_checks()?[index], let name = file.name else { continue }
                let bytes = UnsafeBufferPointer(start: file.bytes, count: file.size)
                checks += try parse(String(decoding: bytes, as: UTF8.self), file: String(cString: name))
            }
            return .success(checks)
        } catch {
            return .failure(error)
        }
    }()
}

/// A check file that cannot be read.
public struct FactCheckError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String

    init(_ file: String, _ line: Int, _ problem: String) { description = "\(file):\(line): \(problem)" }
}

extension FactCheck {
    /// Reads a file: blocks of `= table: names` and lines of steps, ended by an empty line.
    public static func parse(_ text: String, file: String) throws(FactCheckError) -> [FactCheck] {
        var checks: [FactCheck] = []
        var current: FactCheck?
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            let content = raw.drop { $0 == " " }
            if content.hasPrefix("#") { continue }
            if content.isEmpty {
                if let done = current { checks.append(done) }
                current = nil
            } else if content.hasPrefix("= ") {
                if current == nil {
                    current = FactCheck(file: file, line: line, rows: [], builds: 0...Int.max, steps: [])
                }
                if content.hasPrefix("= statuses: ") {
                    current?.statuses += try statuses(content.dropFirst(12), file, line)
                } else {
                    current?.rows += try rows(content.dropFirst(2), file, line)
                }
            } else if var check = current {
                if content.hasPrefix("builds ") {
                    check.builds = try builds(content.dropFirst(7), file, line)
                } else if content.hasPrefix("untestable: ") {
                    check.untestable = String(content.dropFirst(12))
                } else {
                    do { check.steps.append(try step(content, line)) } catch {
                        throw FactCheckError(file, line, error.description)
                    }
                }
                current = check
            } else {
                throw FactCheckError(file, line, "a check starts with the rows that it proves: = syscalls: read")
            }
        }
        if let done = current { checks.append(done) }
        for check in checks where check.steps.isEmpty == (check.untestable == nil) {
            throw FactCheckError(file, check.line, "a check has steps, or says why there can be none")
        }
        return checks
    }

    private static let knownStatuses = Set(FactRow.rows(CFacts_ntstatus_start(), CFacts_ntstatus_size).map { $0[0] })

    private static func statuses(
        _ text: Substring,
        _ file: String,
        _ line: Int
    ) throws(FactCheckError) -> [String] {
        let names = text.split(separator: " ").map(String.init)
        for name in names where !knownStatuses.contains(name) {
            throw FactCheckError(file, line, "ntstatus-errno.tsv has no \(name)")
        }
        return names
    }

    private static let known = Set(FactRow.all.map { "\($0.table.rawValue) \($0.name)" })

    private static func rows(
        _ text: Substring,
        _ file: String,
        _ line: Int
    ) throws(FactCheckError) -> [(table: FactRow.Table, name: String)] {
        guard let colon = text.firstIndex(of: ":"), let table = FactRow.Table(rawValue: String(text[..<colon])) else {
            throw FactCheckError(file, line, "rows are named as `= syscalls: read write` or `= features: NAME`")
        }
        let names = text[text.index(after: colon)...].drop { $0 == " " }
        // A call's name has no space; the others have.
        let list = table == .syscalls ? names.split(separator: " ").map(String.init) : [String(names)]
        for name in list where !name.hasSuffix(" *") {
            guard known.contains("\(table.rawValue) \(name)") else {
                throw FactCheckError(file, line, "\(table.rawValue) has no row `\(name)`")
            }
        }
        return list.map { (table, $0) }
    }

    /// `17063-`, `-16299`, `15063-16299`.
    private static func builds(
        _ text: Substring,
        _ file: String,
        _ line: Int
    ) throws(FactCheckError) -> ClosedRange<Int> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = parts[0].isEmpty ? 0 : Int(parts[0]),
            let last = parts[1].isEmpty ? Int.max : Int(parts[1]), first <= last
        else { throw FactCheckError(file, line, "builds are given as 17063- or -16299 or 15063-16299") }
        return first...last
    }

    private static func step(_ text: Substring, _ line: Int) throws(LiteralError) -> Step {
        if text.hasPrefix("windows ") { return hostStep(text, line) }
        var parser = LiteralParser(text)
        var step = Step(line: line, text: String(text), action: .resume)
        if !parser.take("...") {
            var word = parser.word()
            if parser.take(":") {
                step.task = word == "main" ? "" : word
                if parser.take("...") { word = "" } else { word = parser.word() }
            }
            if parser.take("=") {
                step.binding = word
                word = parser.word()
            }
            switch word {
            case "": break
            case "advance":
                step.action = .advance(try duration(parser.word()))
                return step
            case "raise":
                step.action = .raise(parser.word())
                return step
            case "signal":
                guard let signal = signalNumber(parser.word()) else { throw LiteralError("there is no such signal") }
                step.action = .signal(signal)
                return step
            default:
                try parser.expect("(")
                step.action = .call(name: word, arguments: try parser.list(until: ")").values)
            }
        }
        if parser.take("->") { step.expectation = try expectation(&parser) }
        if parser.take("signals") {
            try parser.expect("[")
            step.signals = try parser.list(until: "]").values
        }
        parser.skipSpace()
        guard parser.isAtEnd else { throw LiteralError("nothing can follow here: `\(parser.rest)`") }
        return step
    }

    /// Words are as they stand, without escapes; a text in quotes is one word.
    private static func hostStep(_ text: Substring, _ line: Int) -> Step {
        var words: [String] = []
        var answer: String?
        for (index, part) in text.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
            if index % 2 == 1 {
                words.append(String(part))
            } else {
                words += part.split(separator: " ").map(String.init)
            }
        }
        if let arrow = words.firstIndex(of: "->") {
            answer = words[(arrow + 1)...].joined(separator: " ")
            words.removeSubrange(arrow...)
        }
        return Step(line: line, text: String(text), action: .host(command: Array(words.dropFirst()), answer: answer))
    }

    private static func expectation(_ parser: inout LiteralParser) throws(LiteralError) -> Step.Expectation {
        let value = try parser.value()
        switch value {
        case .name("blocked"): return .blocked
        case .name("exited"): return .exited
        case .any: return .success
        default: return .value(value)
        }
    }

    private static func duration(_ word: String) throws(LiteralError) -> UInt64 {
        for (unit, scale) in [("ms", 1_000_000), ("us", 1000), ("ns", 1), ("s", 1_000_000_000)] as [(String, UInt64)]
        where word.hasSuffix(unit) {
            if let count = UInt64(word.dropLast(unit.count)) { return count * scale }
        }
        throw LiteralError("a duration is 5s, 10ms, 3us or 7ns")
    }
}
