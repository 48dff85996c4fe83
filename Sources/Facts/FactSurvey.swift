// All checks on one engine, row by row, and what of the NT side they reached.
import CFacts
public import Engine

/// What the checks say of each row of the fact files.
public struct FactSurvey: Sendable {
    public enum State: String, Sendable, Hashable, CaseIterable {
        case passed
        case failed
        /// The engine says that it does not model this; not counted against WSL 1.
        case notModelled = "not modelled"
        /// No call can show it; the check file says why.
        case untestable = "not testable"
        case unchecked
    }
    public struct Result: Sendable {
        public var row: FactRow
        public var state = State.unchecked
        /// How many checks name the row.
        public var checks = 0
        /// `fs.checks:12: rename(…): it is 0`, or why it cannot be tested.
        public var reason = ""
    }
    /// An entry of ntstatus-errno.tsv or nt-mapping.tsv.
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var isReached: Bool
        /// Why it cannot be reached: the words of a check file.
        public var note = ""
    }

    public var rows: [Result]
    /// Entries of ntstatus-errno.tsv, by NTSTATUS.
    public var statuses: [Entry]
    /// Entries of nt-mapping.tsv, by call.
    public var mappings: [Entry]
    /// What handlers said that they do less than Linux, by call.
    public var partial: [String: Set<String>] = [:]
    /// How many checks ran.
    public var ran = 0
    /// Checks that prove no row and failed: `statuses.checks:12: …`.
    public var brokenChecks: [String] = []

    /// - Parameters:
    ///   - builds: what the engine can be, oldest first.
    ///   - chosen: only this build's checks; nil: each check on the newest build on which it holds.
    ///   - make: a booted engine of that build.
    public init(
        builds: [Int],
        chosen: Int? = nil,
        make: @escaping (Int, Environment) throws(EngineFailure) -> any Engine
    ) throws(FactCheckError) {
        let checks = try FactCheck.all.get()
        var reach = FactReach()
        var ran = 0
        var reasons: [String: String] = [:]
        var results = FactRow.all.map { Result(row: $0) }
        let index = RowIndex(FactRow.all)
        for check in checks {
            let build = (chosen.map { [$0] } ?? builds).last { check.builds.contains($0) }
            var outcome: FactOutcome?
            if check.untestable == nil {
                guard let build else { continue }
                let runner = FactRunner { environment throws(EngineFailure) in try make(build, environment) }
                outcome = runner.run(check)
                reach.formUnion(runner.reach)
                ran += 1
            }
            if let reason = check.untestable { for name in check.statuses { reasons[name] = reason } }
            if check.rows.isEmpty, case .failed(let line, let step, let problem)? = outcome {
                brokenChecks.append("\(check.file):\(line): \(step): \(problem)")
            }
            for position in index.positions(of: check) { results[position].take(outcome, check) }
        }
        rows = results
        self.ran = ran
        partial = reach.partial
        statuses = Self.statuses(reach, reasons)
        mappings = Self.mappings(reach)
    }

    /// A documented or observed row that fails.
    public var hasFailure: Bool {
        !brokenChecks.isEmpty || rows.contains { $0.state == .failed && $0.row.basis != .inferred }
    }

    private static func statuses(_ reach: FactReach, _ reasons: [String: String]) -> [Entry] {
        FactRow.rows(CFacts_ntstatus_start(), CFacts_ntstatus_size).filter { $0.count >= 3 }.map { row in
            Entry(name: row[0], isReached: reach.statuses.contains(row[0]), note: reasons[row[0]] ?? "")
        }
    }

    /// A call that the provider serves itself is reached when its handler ran; one that is translated, when a routine
    /// of the executive did.
    private static func mappings(_ reach: FactReach) -> [Entry] {
        FactRow.rows(CFacts_ntmapping_start(), CFacts_ntmapping_size).filter { $0.count >= 4 }.map { row in
            let isServed = reach.handled.contains(row[0])
            let isReached: Bool
            if row[3].hasPrefix("ENOSYS"), row[2] == "-" {
                isReached = reach.holes.contains(row[0])
            } else if row[1] == "serviced-in-provider" {
                isReached = isServed
            } else {
                isReached = reach.routines[row[0]]?.isEmpty == false
            }
            return Entry(name: row[0], isReached: isReached)
        }
    }
}

/// Rows by table and name.
private struct RowIndex {
    private var byName: [String: [Int]] = [:]
    private let rows: [FactRow]

    init(_ rows: [FactRow]) {
        self.rows = rows
        for (position, row) in rows.enumerated() {
            byName["\(row.table.rawValue) \(row.name)", default: []].append(position)
        }
    }

    /// `11 *` stands for a whole section.
    func positions(of check: FactCheck) -> [Int] {
        check.rows.flatMap { named in
            guard named.name.hasSuffix(" *") else { return byName["\(named.table.rawValue) \(named.name)"] ?? [] }
            let section = named.name.dropLast()
            return rows.indices.filter { rows[$0].table == named.table && rows[$0].name.hasPrefix(section) }
        }
    }
}

extension FactSurvey.Result {
    /// The gravest outcome of all checks stays.
    fileprivate mutating func take(_ outcome: FactOutcome?, _ check: FactCheck) {
        checks += 1
        switch outcome {
        case .passed?: if state == .unchecked || state == .untestable { (state, reason) = (.passed, "") }
        case .failed(let line, let step, let problem)?:
            guard state != .failed else { return }
            (state, reason) = (.failed, "\(check.file):\(line): \(step): \(problem)")
        case .notModelled(let line, let step, let problem)?:
            guard state != .failed, state != .notModelled else { return }
            (state, reason) = (.notModelled, "\(check.file):\(line): \(step): \(problem)")
        case nil: if state == .unchecked { (state, reason) = (.untestable, check.untestable ?? "") }
        }
    }
}

extension FactReach {
    mutating func formUnion(_ other: FactReach) {
        statuses.formUnion(other.statuses)
        routines.merge(other.routines) { $0.union($1) }
        handled.formUnion(other.handled)
        holes.formUnion(other.holes)
        partial.merge(other.partial) { $0.union($1) }
    }
}
