// The config.json of a container: https://github.com/opencontainers/runtime-spec.
import CEngineData
import FoundationEssentials
import Glibc

/// A container on this host's files, read-only, with memory at /tmp.
struct OCIBundle {
    var kind: EngineDefinition.BundleKind
    var words: [String]
    var environment: [String]
    var folder: String

    /// Where an agent lays out its root: the kernel's file systems are there already, as it may not mount them.
    static let rootPath = "/tmp/tree"

    /// Docker's default list: github.com/moby/moby, oci/caps/defaults.go.
    static let dockerCapabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
        "CAP_AUDIT_WRITE",
    ]
    /// Names by number, for those that this process itself has; linux/capability.h.
    private static let allCapabilities = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    func json() throws(LaunchError) -> String {
        let own = OCIBundle.ownCapabilities()
        let capabilities = kind == .docker ? OCIBundle.dockerCapabilities.filter(own.contains) : own
        var linux = Linux(namespaces: ["pid", "mount", "uts", "ipc", "network"].map { Namespace(type: $0) })
        if kind == .docker {
            let text = UnsafeBufferPointer(start: CEngineData_docker_seccomp, count: CEngineData_docker_seccomp_size)
            do {
                linux.seccomp = try JSONDecoder().decode(ContainerProfile.self, from: Data(text)).filter(
                    for: capabilities
                )
            } catch { throw LaunchError("Docker's seccomp profile cannot be read: \(error)") }
        }
        let sets = Dictionary(
            uniqueKeysWithValues: ["bounding", "effective", "permitted"].map { ($0, capabilities) }
        )
        var specification = Specification(
            process: .init(cwd: folder, env: environment, args: words, capabilities: sets),
            linux: linux
        )
        if kind == .docker { specification.mounts += Specification.forAgents }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(specification) else {
            throw LaunchError("the container cannot be described")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// What this process may do itself: a runtime cannot give more.
    static func ownCapabilities() -> [String] {
        guard let file = fopen("/proc/self/status", "re") else { return [] }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(
                decoding: line.prefix { $0 > 0x20 || $0 == 9 }.map(UInt8.init(bitPattern:)),
                as: UTF8.self
            )
            guard text.hasPrefix("CapEff:"), let set = UInt64(text.dropFirst(8), radix: 16) else { continue }
            return allCapabilities.indices.filter { set >> UInt64($0) & 1 == 1 }.map { "CAP_" + allCapabilities[$0] }
        }
        return []
    }

    private struct Specification: Encodable {
        struct Process: Encodable {
            struct User: Encodable { var uid = 0, gid = 0 }
            var terminal = false
            var user = User()
            var cwd: String
            var env: [String]
            var args: [String]
            var capabilities: [String: [String]]
        }
        struct Root: Encodable { var path = "root", readonly = true }
        struct Mount: Encodable {
            var destination: String
            var type: String
            var source: String
            var options: [String] = ["nosuid", "nodev"]
        }
        var ociVersion = "1.0.0"
        var process: Process
        var root = Root()
        var hostname = "lacuna"
        var mounts = [
            Mount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
            Mount(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"]),
            Mount(
                destination: "/dev/pts",
                type: "devpts",
                source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666"]
            ),
            Mount(
                destination: "/dev/shm",
                type: "tmpfs",
                source: "shm",
                options: ["nosuid", "nodev", "noexec", "mode=1777"]
            ),
            Mount(destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"]),
            Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
        ]
        var linux: Linux

        /// What an agent may not mount itself.
        static let forAgents = [("proc", "proc"), ("sys", "sysfs"), ("dev", "tmpfs")].map { name, type in
            Mount(destination: "\(OCIBundle.rootPath)/\(name)", type: type, source: type, options: ["nosuid"])
        }
    }
    private struct Namespace: Encodable { var type: String }
    private struct Linux: Encodable {
        var namespaces: [Namespace]
        var seccomp: SeccompFilter?
    }
}

/// A filter in the runtime's form.
struct SeccompFilter: Encodable {
    struct Rule: Codable {
        var names: [String]
        var action: String
        var errnoRet: Int?
        var args: [ContainerProfile.Argument]?
    }
    var defaultAction: String
    var defaultErrnoRet: Int?
    var architectures: [String]
    var syscalls: [Rule]
}

/// A profile in Docker's form: rules that depend on architecture and capabilities.
struct ContainerProfile: Decodable {
    struct Argument: Codable {
        var index: Int
        var value: UInt64
        var valueTwo: UInt64?
        var op: String
    }
    struct Condition: Decodable {
        var caps: [String]?
        var arches: [String]?
        var minKernel: String?
    }
    struct Rule: Decodable {
        var names: [String]
        var action: String
        var errnoRet: Int?
        var args: [Argument]?
        var includes: Condition?
        var excludes: Condition?
    }
    var defaultAction: String
    var defaultErrnoRet: Int?
    var syscalls: [Rule]

    #if arch(x86_64)
        static let architecture = (name: "amd64", own: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
    #else
        static let architecture = (name: "arm64", own: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])
    #endif

    func filter(for capabilities: [String]) -> SeccompFilter {
        let rules = syscalls.filter { rule in
            let architecture = ContainerProfile.architecture.name
            if let arches = rule.includes?.arches, !arches.isEmpty, !arches.contains(architecture) { return false }
            if rule.excludes?.arches?.contains(architecture) == true { return false }
            if let caps = rule.includes?.caps, !caps.allSatisfy(capabilities.contains) { return false }
            if let caps = rule.excludes?.caps, caps.contains(where: capabilities.contains) { return false }
            return true
        }
        return SeccompFilter(
            defaultAction: defaultAction,
            defaultErrnoRet: defaultErrnoRet,
            architectures: ContainerProfile.architecture.own,
            syscalls: rules.map { .init(names: $0.names, action: $0.action, errnoRet: $0.errnoRet, args: $0.args) }
        )
    }
}
