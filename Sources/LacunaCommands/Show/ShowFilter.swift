// Which lines of a trace are shown.
import ArgumentParser
import Compat
import LinuxABI
import TraceLog

/// The filters of `lacuna show`, as options.
struct ShowFilter: ParsableArguments {
    @Option(help: ArgumentHelp("Only this process or thread; may be repeated.", valueName: "pid"))
    var pid: [Int32] = []
    @Option(
        help: ArgumentHelp("Only these calls, separated by commas; 'ioctl$TCGETS' for one command.", valueName: "name")
    )
    var call: [String] = []
    @Option(help: ArgumentHelp("Only calls of this family, for example namespaces.", valueName: "family"))
    var family: [String] = []
    @Option(
        help: ArgumentHelp("Only calls that failed with this errno; 'any' for all that failed.", valueName: "errno")
    )
    var errno: [String] = []
    @Option(help: ArgumentHelp("Only calls with a string argument that contains this.", valueName: "text"))
    var path: [String] = []
    @Option(
        help: ArgumentHelp("Only this range of indexes: 'A..B' (both included), 'A..' or '..B'.", valueName: "range")
    )
    var index: String?
    @Option(help: ArgumentHelp("Stop after this many lines.", valueName: "count"))
    var limit: Int?

    /// Checks the words. Throws `ValidationError` for those that mean nothing.
    func compiled() throws -> CompiledShowFilter {
        var filter = CompiledShowFilter()
        filter.pids = Set(pid)
        filter.paths = path
        filter.limit = limit
        for name in words(call) {
            let parts = name.split(separator: "$", maxSplits: 1, omittingEmptySubsequences: false)
            guard let description = ABI.call(named: String(parts[0])),
                parts.count == 1 || description.variants.contains(where: { $0.name == parts[1] })
            else { throw ValidationError("there is no system call '\(name)'") }
            filter.calls.insert(name)
        }
        for name in words(family) {
            guard let family = Family(rawValue: name) else {
                let known = Family.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("there is no family '\(name)'; known are: \(known)")
            }
            filter.families.insert(family)
        }
        for name in words(errno) {
            if name == "any" {
                filter.anyError = true
            } else if let error = Errno(name: name.uppercased()) {
                filter.errors.insert(error)
            } else {
                throw ValidationError("there is no errno '\(name)'")
            }
        }
        if let index { filter.indexes = try range(index) }
        return filter
    }

    private func words(_ options: [String]) -> [String] {
        options.flatMap { $0.split(separator: ",").map(String.init) }
    }

    private func range(_ text: String) throws -> ClosedRange<UInt64> {
        let wrong = ValidationError("'--index \(text)' is not a range: write 'A..B', 'A..', '..B' or one number")
        if let single = UInt64(text) { return single...single }
        guard let dots = text.firstRange(of: "..") else { throw wrong }
        let start = text[..<dots.lowerBound]
        let end = text[dots.upperBound...]
        guard let lower = start.isEmpty ? 0 : UInt64(start), let upper = end.isEmpty ? UInt64.max : UInt64(end),
            lower <= upper
        else { throw wrong }
        return lower...upper
    }
}

/// Filters ready for use.
struct CompiledShowFilter {
    var pids: Set<Int32> = []
    var calls: Set<String> = []
    var families: Set<Family> = []
    var errors: Set<Errno> = []
    var anyError = false
    var paths: [String] = []
    var indexes: ClosedRange<UInt64>?
    var limit: Int?

    /// What can be told without decoding.
    func admits(_ record: CallRecord, ids: (tid: Int32, pid: Int32)) -> Bool {
        if let indexes, !indexes.contains(record.index) { return false }
        return pids.isEmpty || pids.contains(ids.tid) || pids.contains(ids.pid)
    }

    func admits(_ call: CallText) -> Bool {
        if !calls.isEmpty, !calls.contains(call.name), !(call.variant.map { calls.contains($0.fullName) } ?? false) {
            return false
        }
        if anyError || !errors.isEmpty {
            guard let error = call.error, anyError || errors.contains(error) else { return false }
        }
        if !families.isEmpty, families.isDisjoint(with: call.cells.flatMap(\.families)) { return false }
        if !paths.isEmpty {
            let strings = call.strings
            guard paths.contains(where: { path in strings.contains { $0.contains(path) } }) else { return false }
        }
        return true
    }

    /// Tasks and signals have no call: they show only where no filter asks for one.
    func admitsEvent(at index: UInt64, ids: (tid: Int32, pid: Int32)) -> Bool {
        guard calls.isEmpty, families.isEmpty, errors.isEmpty, !anyError, paths.isEmpty else { return false }
        if let indexes, !indexes.contains(index) { return false }
        return pids.isEmpty || pids.contains(ids.tid) || pids.contains(ids.pid)
    }
}
