// Where a result was made: kept beside it.
import FoundationEssentials

/// The environment inside an engine, as `lacuna-init probe` found it there, and the engine itself.
public struct EngineRecord: Codable, Sendable, Hashable {
    public var engine: String
    /// What the engine says of itself.
    public var version: String?
    /// Seconds from the start command to the first answer.
    public var startSeconds: Double
    /// The start that worked was the second.
    public var isSecondTry: Bool
    /// nil: the engine is reached over a connection, and only the agent is there.
    public var inside: Surroundings?

    /// The object that `lacuna-init probe` prints.
    public struct Surroundings: Codable, Sendable, Hashable {
        public var release: String
        public var kernelVersion: String
        public var machine: String
        public var uid: UInt32
        public var pid: Int
        /// CapEff and CapBnd of /proc/self/status, hexadecimal.
        public var capabilities: String?
        public var boundingCapabilities: String?
        public var noNewPrivileges: String?
        public var seccomp: String?
        public var processorModel: String?
        public var processors: Int
        public var memory: String?
        public var swap: String?
        /// Soft and hard; null is unlimited.
        public var limits: [String: [UInt64?]]
        /// Lines of /proc/self/cgroup.
        public var cgroups: [String]
        /// Type, place and options.
        public var cgroupMounts: [String]
        /// Seconds since the environment's boot.
        public var uptime: Double?
    }

    /// What stays the same from start to start, as texts by name.
    public var lines: [String: String] {
        var lines: [String: String] = [:]
        lines["engine version"] = version
        guard let inside else { return lines }
        lines["kernel"] = "\(inside.release) \(inside.kernelVersion) \(inside.machine)"
        lines["user"] = "\(inside.uid)"
        lines["capabilities"] = inside.capabilities
        lines["bounding capabilities"] = inside.boundingCapabilities
        lines["no new privileges"] = inside.noNewPrivileges
        lines["seccomp"] = inside.seccomp
        lines["processors"] = "\(inside.processors) \(inside.processorModel ?? "")"
        lines["memory"] = inside.memory
        lines["swap"] = inside.swap
        lines["limits"] = inside.limits.sorted { $0.key < $1.key }
            .map { "\($0.key)=" + $0.value.map { $0.map(String.init) ?? "unlimited" }.joined(separator: ":") }
            .joined(separator: " ")
        lines["cgroup mounts"] = inside.cgroupMounts.joined(separator: "; ")
        return lines
    }

    /// One JSON object, keys sorted.
    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension EngineRecord.Surroundings {
    init(probed bytes: [UInt8]) throws(LaunchError) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(bytes))
        } catch {
            throw LaunchError(
                "lacuna-init probe: its answer cannot be read: \(String(decoding: bytes.prefix(200), as: UTF8.self))"
            )
        }
    }
}
