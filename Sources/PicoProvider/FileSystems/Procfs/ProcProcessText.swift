// The text files of /proc/<pid>.
import Engine
import LinuxABI

enum ProcProcessText {
    static func file(_ name: String, _ process: ProcProcessDirectory) -> PseudoText? {
        let superblock = process.proc
        func text(
            _ permissions: UInt32 = 0o444,
            note: LxNote? = nil,
            _ make: @escaping (LxThreadGroup, VfsContext) throws(LxFailure) -> String,
            store: ((String, VfsContext) throws(LxFailure) -> Void)? = nil
        ) -> PseudoText {
            PseudoText(
                superblock,
                permissions: permissions,
                .text { context throws(LxFailure) in try make(try process.living(), context) },
                note: note,
                store: store
            )
        }
        // No source gives the text of these for WSL 1; times, addresses and counts are the machine's.
        func given(
            _ permissions: UInt32 = 0o444,
            _ make: @escaping (LxThreadGroup, VfsContext) throws(LxFailure) -> String
        ) -> PseudoText {
            PseudoText(
                superblock,
                permissions: permissions,
                .given(what: "contents of /proc/<pid>/" + name) { context throws(LxFailure) in
                    try make(try process.living(), context)
                }
            )
        }
        switch name {
        case "auxv": return given(0o400) { _, _ in "" }
        case "cgroup":
            return text(note: LxNote("one line for each mounted hierarchy: devices", "UT:cgroup.c")) { group, context in
                context.engine.cgroups.isMounted ? "1:devices:\(group.cgroupPath)\n" : ""
            }
        case "cmdline": return text { group, _ in group.arguments.map { $0 + "\0" }.joined() }
        case "comm":
            return text(
                0o644,
                { group, _ in (group.anyThread?.name ?? "") + "\n" },
                store: { text, context throws(LxFailure) in
                    guard context.thread.group === (try process.living()) else { throw .errno(.EINVAL) }
                    context.thread.group.anyThread?.name = String(decoding: text.utf8.prefix(15), as: UTF8.self)
                }
            )
        // RN:14965.
        case "environ": return text(0o400) { group, _ in group.environment.map { $0 + "\0" }.joined() }
        case "limits": return text { group, _ in limits(group) }
        case "maps": return given { _, _ in "" }
        case "mountinfo": return text { _, context throws(LxFailure) in ProcMounts.information(context) }
        case "mounts": return text { _, context throws(LxFailure) in ProcMounts.table(context) }
        case "mountstats": return text(0o400) { _, context throws(LxFailure) in ProcMounts.statistics(context) }
        case "oom_adj":
            return adjustment(superblock, process) {
                $0 * 17 / 1000
            } inverse: {
                $0 * 1000 / 17
            }
        case "oom_score": return given { _, _ in "0\n" }
        // Writable without effect (RN:14965).
        case "oom_score_adj":
            return adjustment(superblock, process) {
                $0
            } inverse: {
                $0
            }
        case "stat": return given { group, context in stat(group, superblock.namespace) }
        case "statm": return given { _, _ in "0 0 0 0 0 0 0\n" }
        case "status": return given { group, context in status(group, superblock.namespace) }
        default: return nil
        }
    }

    private static func adjustment(
        _ superblock: ProcSuperblock,
        _ process: ProcProcessDirectory,
        _ show: @escaping (Int32) -> Int32,
        inverse: @escaping (Int32) -> Int32
    ) -> PseudoText {
        PseudoText(
            superblock,
            permissions: 0o644,
            .text { _ throws(LxFailure) in
                "\(show(try process.living().oomScoreAdjustment))\n"
            },
            store: { text, _ throws(LxFailure) in
                guard let value = Int32(text), (-1000...1000).contains(inverse(value)) else { throw .errno(.EINVAL) }
                try process.living().oomScoreAdjustment = inverse(value)
            }
        )
    }

    // MARK: - Formats of Linux 4.4 (proc(5))

    private static func letter(_ group: LxThreadGroup) -> String {
        switch group.state {
        case .running: group.anyThread?.parked == nil ? "R" : "S"
        case .stopped: "T"
        case .zombie: "Z"
        case .dead: "X"
        }
    }

    private static func stat(_ group: LxThreadGroup, _ namespace: LxPidNamespace) -> String {
        let name = group.anyThread?.name ?? ""
        let parent = group.parent?.id(in: namespace) ?? 0
        let head = "\(group.id(in: namespace)) (\(name)) \(letter(group)) \(parent) \(group.processGroup.identifier)"
        return head + " \(group.session.identifier) 0 -1" + String(repeating: " 0", count: 44) + "\n"
    }

    private static func status(_ group: LxThreadGroup, _ namespace: LxPidNamespace) -> String {
        let thread = group.anyThread
        let credentials = thread?.credentials ?? LxCredentials()
        let id = group.id(in: namespace)
        let words = ["R": "running", "S": "sleeping", "T": "stopped", "Z": "zombie", "X": "dead"]
        let state = letter(group)
        return """
            Name:\t\(thread?.name ?? "")
            State:\t\(state) (\(words[state] ?? ""))
            Tgid:\t\(id)
            Pid:\t\(id)
            PPid:\t\(group.parent?.id(in: namespace) ?? 0)
            TracerPid:\t0
            Uid:\t\(credentials.uid)\t\(credentials.euid)\t\(credentials.suid)\t\(credentials.fsuid)
            Gid:\t\(credentials.gid)\t\(credentials.egid)\t\(credentials.sgid)\t\(credentials.fsgid)
            Groups:\t\(credentials.groups.map { "\($0) " }.joined())
            Threads:\t\(max(group.threads.count, 1))
            CapInh:\t\(hex(credentials.inheritable))
            CapPrm:\t\(hex(credentials.permitted))
            CapEff:\t\(hex(credentials.effective))
            CapBnd:\t\(hex(credentials.bounding))

            """
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// RLIMIT_* in the order of their numbers, with the units that the kernel prints.
    private static let limitNames: [(String, String)] = [
        ("Max cpu time", "seconds"), ("Max file size", "bytes"), ("Max data size", "bytes"),
        ("Max stack size", "bytes"), ("Max core file size", "bytes"), ("Max resident set", "bytes"),
        ("Max processes", "processes"), ("Max open files", "files"), ("Max locked memory", "bytes"),
        ("Max address space", "bytes"), ("Max file locks", "locks"), ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"), ("Max nice priority", ""), ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ]

    private static func limits(_ group: LxThreadGroup) -> String {
        func pad(_ text: String, _ width: Int) -> String {
            text.utf8.count >= width ? text : text + String(repeating: " ", count: width - text.utf8.count)
        }
        func show(_ value: UInt64?) -> String {
            guard let value, value != .max else { return "unlimited" }
            return String(value)
        }
        var result = pad("Limit", 26) + pad("Soft Limit", 21) + pad("Hard Limit", 21) + pad("Units", 10) + "\n"
        for (number, (name, unit)) in limitNames.enumerated() {
            let limit = group.limits[Int32(number)]
            result += pad(name, 26) + pad(show(limit?.soft), 21) + pad(show(limit?.hard), 21)
            result += unit.isEmpty ? "\n" : pad(unit, 10) + "\n"
        }
        return result
    }
}
