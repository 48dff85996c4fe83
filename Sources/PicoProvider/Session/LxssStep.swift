// What happened while an instance was started, used and stopped: who did what, and how that is known.
public import Engine

/// One step of the lifecycle (pico-interface.md §7).
public struct LxssStep: Sendable, Hashable, Codable {
    public enum Actor: String, Sendable, Hashable, Codable {
        case wsl = "wsl.exe"
        case service = "LxssManager"
        case lxcore
        case initProcess = "/init"
    }

    public var actor: Actor
    /// `mount("none", "/dev", "tmpfs", …)`, or words.
    public var text: String
    /// `0`, `ENODEV`, a status; empty where there is none.
    public var result: String
    /// `SRC`, `INIT`, `BUS`, `RN:18267`, `inferred`.
    public var source: String
    /// What it took of the executive.
    public var steps: [Evidence.Step]

    public init(_ actor: Actor, _ text: String, result: String = "", source: String, steps: [Evidence.Step] = []) {
        self.actor = actor
        self.text = text
        self.result = result
        self.source = source
        self.steps = steps
    }

    /// Whether some source says it; else it is this model's reasoning.
    public var isDocumented: Bool { source != "inferred" }
}
