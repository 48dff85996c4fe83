// A small corpus whose scores are worked out by hand.
import Compat
import Engine
import LinuxABI

/// Four workloads: one runs, one fails, one is degraded, one has no trace. Weights 0.5, 0.8, 0.4, 0.3: 2.0 in all.
enum Fixture {
    static let engine = EngineIdentity(name: "wsl1", version: "4.4.0-19041-Microsoft", summary: "a model of WSL 1")

    static let newUser = Cell(call: "unshare", selector: "CLONE_NEWUSER", families: [.namespaces])
    static let newMount = Cell(call: "unshare", selector: "CLONE_NEWNS", families: [.namespaces, .mount])
    static let read = Cell(call: "read", families: [.fs])
    static let stat = Cell(call: "newfstatat", families: [.fs])
    static let memfd = Cell(call: "memfd_create", families: [.memory])
    static let unused = Cell(call: "keyctl", selector: "KEYCTL_JOIN_SESSION_KEYRING", families: [.security])

    static func workload(_ name: String, _ weight: Double) -> Workload {
        var workload = Workload(
            name: name,
            command: ["bash", "run.sh"],
            weight: Weight(weight),
            folder: "corpora/\(name)"
        )
        workload.summary = "<\(name)> & \"more\""
        workload.source = "corpora/\(name)/run.sh"
        return workload
    }

    static let corpus = Corpus(
        path: "corpora",
        workloads: [
            workload("container", 0.8), workload("lost", 0.3), workload("plain", 0.5), workload("tool", 0.4),
        ]
    )

    /// 100 calls same, 10 given, all reads.
    static var plain: WorkloadObservation {
        var observation = WorkloadObservation()
        observation.calls = counts(same: 100, given: 10)
        observation.cells = [read: counts(same: 100, given: 10)]
        observation.given = ["random bytes": 10]
        return observation
    }

    /// 90 same, one refused unshare of two namespaces, 9 followers: 90 of 100 judged; 2 not modelled.
    static var container: WorkloadObservation {
        var observation = WorkloadObservation()
        observation.calls = counts(same: 90, unsupported: 1, follows: 9, notModelled: 2)
        observation.cells = [
            read: counts(same: 89, follows: 4), newMount: counts(same: 1, unsupported: 1, follows: 5),
            newUser: counts(unsupported: 1), memfd: counts(notModelled: 2),
        ]
        observation.notModelled = [memfd: .init(note: "the model has no sections without a name", source: "RN:17040")]
        var root = RootObservation(
            call: 41,
            task: 0,
            verdict: .unsupported,
            cells: [newMount, newUser],
            text: "unshare(CLONE_NEWNS|CLONE_NEWUSER)",
            recorded: "0",
            answered: "-1 EINVAL (Invalid argument)"
        )
        root.recordedResult = 0
        root.answeredResult = -22
        root.answeredError = "EINVAL"
        root.evidence.handler = "LxpSyscall_UNSHARE"
        root.evidence.support = .hole
        root.evidence.note = "CLONE_NEWUSER is not implemented"
        root.evidence.source = "GH:2981"
        root.evidence.steps = [.init("LxpUnshare", "CLONE_NEWUSER", status: "STATUS_INVALID_PARAMETER")]
        root.followers = 9
        root.isFatal = true
        root.fatalReason = "refused, and 9 later calls depend on it"
        root.receipt = "proven: 9 of 9 followers vanish"
        observation.roots = [root]
        observation.opaque = ["lsm_list_modules": 1]
        return observation
    }

    /// 199 same of 200 judged, one stat with another size; one fatal-looking errno that Linux gave too.
    static var tool: WorkloadObservation {
        var observation = WorkloadObservation()
        observation.calls = counts(same: 198, differs: 2, unjudged: 3)
        observation.cells = [
            read: counts(same: 100, differs: 1, unjudged: 3), stat: counts(same: 98, differs: 1),
        ]
        var size = RootObservation(
            call: 7,
            task: 1,
            verdict: .differs,
            cells: [stat],
            text: "newfstatat(AT_FDCWD, \"/etc\", {st_size=4096, ...}, 0)",
            recorded: "0",
            answered: "-1 EIO (Input/output error)"
        )
        size.recordedResult = 0
        size.answeredResult = -5
        size.answeredError = "EIO"
        size.fatalReason = "nothing that followed depended on it"
        var errno = RootObservation(
            call: 9,
            task: 1,
            verdict: .differs,
            cells: [read],
            text: "read(3, \"\", 1)",
            recorded: "-1 EISDIR (Is a directory)",
            answered: "-1 EINVAL (Invalid argument)"
        )
        errno.recordedResult = -21
        errno.answeredResult = -22
        errno.answeredError = "EINVAL"
        observation.roots = [size, errno]
        observation.unjudged = ["payload was cut": 3]
        return observation
    }

    static var outcomes: [String: WorkloadOutcome] {
        [
            "plain": .replayed(plain), "container": .replayed(container), "tool": .replayed(tool),
            "lost": .noTrace("corpora/lost/trace.lacuna is missing", missing: true),
        ]
    }

    static func card(baseline: Scorecard? = nil) -> Scorecard {
        Scorecard(
            tool: "lacuna 0.1.0",
            engine: engine,
            corpus: corpus,
            outcomes: outcomes,
            universe: [unused, read],
            baseline: baseline
        )
    }

    static func counts(
        same: Int = 0,
        differs: Int = 0,
        unsupported: Int = 0,
        follows: Int = 0,
        given: Int = 0,
        unjudged: Int = 0,
        notModelled: Int = 0
    ) -> CallCounts {
        var counts = CallCounts()
        counts.same = same
        counts.differs = differs
        counts.unsupported = unsupported
        counts.follows = follows
        counts.given = given
        counts.unjudged = unjudged
        counts.notModelled = notModelled
        return counts
    }
}
