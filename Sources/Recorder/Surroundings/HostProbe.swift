// What this host can record, for `lacuna doctor`.
import CLinux
import Glibc

/// Looks at the kernel, the privileges and the surroundings. Changes nothing.
public enum HostProbe {
    public enum Verdict: String, Sendable, Hashable, Codable { case ok, warn, no }

    public struct Check: Sendable, Hashable, Codable {
        public var name: String
        public var verdict: Verdict
        /// One line.
        public var detail: String

        public init(_ name: String, _ verdict: Verdict, _ detail: String) {
            self.name = name
            self.verdict = verdict
            self.detail = detail
        }
    }

    /// The kinds of place a Linux program can run in.
    public enum Place: String, Sendable, Hashable, Codable {
        case native
        case container
        case wsl1 = "WSL 1"
        case wsl2 = "WSL 2"
        case gVisor
        case uml = "User Mode Linux"
        case qemuUser = "QEMU user mode"
    }

    public struct Findings: Sendable, Hashable, Codable {
        public var place: Place
        /// `uname -r`.
        public var release: String
        public var checks: [Check]
        /// What `--results auto` takes here: `ebpf`, `ptrace`, or nil if nothing can be recorded.
        public var results: String?
    }

    public static func run() -> Findings {
        let release = trimmed(readText("/proc/sys/kernel/osrelease")) ?? ""
        let place = place(release: release)
        var checks = [
            Check(
                "system",
                place == .native || place == .container ? .ok : .warn,
                "\(place.rawValue), Linux \(release)"
            ),
            privileges(), processNamespace(), notification(), killableReceive(), synchronousWakeup(release),
        ]
        let ebpf = ebpf()
        let ptrace = ptrace()
        checks += [ebpf, ptrace]
        let notifies = checks.first { $0.name == "seccomp notification" }?.verdict != .no
        let results: String? = ebpf.verdict == .ok && notifies ? "ebpf" : ptrace.verdict == .no ? nil : "ptrace"
        checks.append(
            results.map {
                Check(
                    "recording",
                    $0 == "ebpf" ? .ok : .warn,
                    $0 == "ebpf" ? "lock-step tier, results from eBPF" : "results from ptrace: complete, but slower"
                )
            } ?? Check("recording", .no, "nothing can be recorded here")
        )
        return Findings(place: place, release: release, checks: checks, results: results)
    }

    // MARK: - Place

    static func place(release: String) -> Place {
        let version = readText("/proc/version") ?? ""
        if version.contains("gVisor") || readText("/proc/sys/kernel/ostype")?.contains("gVisor") == true {
            return .gVisor
        }
        // gVisor poses as Linux 4.4.0 without a build number.
        if release == "4.4.0", access("/proc/kallsyms", F_OK) != 0 { return .gVisor }
        if let windows = windowsPlace(release: release) { return windows }
        let cpu = readText("/proc/cpuinfo") ?? ""
        if cpu.contains("User Mode Linux") { return .uml }
        if readText("/proc/self/maps")?.contains("qemu-") == true { return .qemuUser }
        return isContainer() ? .container : .native
    }

    /// `4.4.0-<build>-Microsoft` is WSL 1, `…-microsoft-standard-WSL2` is WSL 2.
    static func windowsPlace(release: String) -> Place? {
        if release.hasPrefix("4.4.0-"), release.hasSuffix("-Microsoft") { return .wsl1 }
        return release.contains("microsoft-standard") ? .wsl2 : nil
    }

    private static func isContainer() -> Bool {
        if access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 { return true }
        let first = (readFile("/proc/1/environ") ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        if first.contains(where: { $0.hasPrefix("container=") }) { return true }
        let groups = readText("/proc/1/cgroup") ?? ""
        return ["docker", "containerd", "kubepods", "libpod", "lxc"].contains { groups.contains($0) }
    }

    // MARK: - Checks

    private static func privileges() -> Check {
        if Privileges.mayFilterWithoutNoNewPrivileges {
            return Check("privileges", .ok, "CAP_SYS_ADMIN: setuid programs keep their meaning while recorded")
        }
        return Check(
            "privileges",
            .warn,
            "uid \(geteuid()) without CAP_SYS_ADMIN: setuid programs lose their privileges"
        )
    }

    private static func processNamespace() -> Check {
        // PROC_PID_INIT_INO of <linux/proc_ns.h>.
        linkTarget("/proc/self/ns/pid") == "pid:[4026531836]"
            ? Check("pid namespace", .ok, "the initial one")
            : Check("pid namespace", .warn, "a nested one: eBPF sees other ids, results come from ptrace")
    }

    private static func notification() -> Check {
        var sizes: [UInt16] = [0, 0, 0]
        let code = clinux_notification_sizes(&sizes)
        guard code == 0 else {
            return Check("seccomp notification", .no, "\(errorText(-code)); needs Linux 5.5 with CONFIG_SECCOMP_FILTER")
        }
        let known = sizes[0] == 80 && sizes[1] == 24
        return Check(
            "seccomp notification",
            known ? .ok : .warn,
            "structures of \(sizes[0]), \(sizes[1]) and \(sizes[2]) bytes\(known ? "" : " (80 and 24 are known)")"
        )
    }

    private static func killableReceive() -> Check {
        // SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        clinux_filter_flags_known(8 | 32) == 0
            ? Check("WAIT_KILLABLE_RECV", .ok, "signals do not disturb calls that wait for the recorder")
            : Check(
                "WAIT_KILLABLE_RECV",
                .warn,
                "missing (Linux 5.19): a signal may interrupt calls that it otherwise would not"
            )
    }

    private static func synchronousWakeup(_ release: String) -> Check {
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        let isNew = numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 6)
        return isNew
            ? Check("SYNC_WAKE_UP", .ok, "recorder and program change places on one CPU")
            : Check("SYNC_WAKE_UP", .warn, "missing (Linux 6.6): recording is slower")
    }

    private static func ebpf() -> Check {
        do throws(Tracepoints.Refusal) {
            let tracepoints = try Tracepoints()
            tracepoints.close()
            return Check("eBPF tracepoints", .ok, "loaded and attached")
        } catch {
            let advice = Privileges.mayTraceWithEBPF ? "" : "; needs CAP_BPF and CAP_PERFMON"
            return Check("eBPF tracepoints", .no, error.message + advice)
        }
    }

    private static func ptrace() -> Check {
        switch trimmed(readText("/proc/sys/kernel/yama/ptrace_scope")) {
        case "3": Check("ptrace", .no, "kernel.yama.ptrace_scope is 3: nobody may trace")
        case "2" where !Privileges.has(19):
            Check("ptrace", .no, "kernel.yama.ptrace_scope is 2: needs CAP_SYS_PTRACE")
        default: Check("ptrace", .ok, "children may be traced")
        }
    }

    private static func trimmed(_ text: String?) -> String? {
        text.map { String($0.prefix { $0 != "\n" }) }
    }
}
