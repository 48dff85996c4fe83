// The corpus list: the denominator of every score.

/// One recorded program, as `workload.yaml` describes it.
public struct Workload: Sendable, Hashable {
    /// Name of its folder.
    public var name: String
    public var summary = ""
    public var command: [String]
    /// Run in the scratch folder before recording; not recorded.
    public var prepare: String?
    /// Debian packages that recording it needs.
    public var packages: [String] = []
    /// Share of installations that use such a program: above 0, at most 1.
    public var weight: Weight
    public var tags: [String] = []
    /// Shell command that tells whether the recorded program worked; `$OUT` names its output.
    public var check: String?
    public var source = ""
    /// Folder of the workload.
    public var folder: String

    public init(name: String, command: [String], weight: Weight, folder: String) {
        self.name = name
        self.command = command
        self.weight = weight
        self.folder = folder
    }

    public var tracePath: String { folder + "/trace.lacuna" }

    /// Whether replaying it beside others tells of itself alone: a live engine's control groups are those of the machine, and
    /// workloads that make some (tagged `cgroups`) would meet each other's.
    public func mayRun(beside others: some Sequence<Workload>) -> Bool {
        !makesControlGroups || !others.contains(where: \.makesControlGroups)
    }

    private var makesControlGroups: Bool { tags.contains("cgroups") }

    /// The command as a person would type it.
    public var commandText: String {
        command.map { word in
            let plain = !word.isEmpty && word.utf8.allSatisfy { plainBytes.contains($0) }
            return plain
                ? word
                : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
        }.joined(separator: " ")
    }
}

private let plainBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%".utf8)

/// All workloads of a folder, by name.
public struct Corpus: Sendable {
    public var path: String
    public var workloads: [Workload]

    public init(path: String, workloads: [Workload]) {
        self.path = path
        self.workloads = workloads
    }

    /// Weight of the whole list.
    public var weight: Weight { workloads.reduce(.zero) { $0 + $1.weight } }
}

/// A corpus that cannot be used. The message names the file and says what to do.
public struct CorpusError: Error, Sendable, Hashable, CustomStringConvertible {
    public var file: String
    public var message: String

    public init(file: String, _ message: String) {
        self.file = file
        self.message = message
    }

    public var description: String { "\(file): \(message)" }
}
