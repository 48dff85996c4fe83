// The WSL 1 engine: a model of lxcore, the pico provider, on a model of the NT executive.
public import Engine
public import LinuxABI

public final class WSL1Engine: Engine {
    public let identity = EngineIdentity(
        name: "wsl1", version: "4.4.0-19041-Microsoft", summary: "WSL 1: lxcore's pico provider on the NT executive")

    var environment = Environment()
    /// Realtime in nanoseconds since the epoch.
    var realtime: Int64 = 0
    /// Types that mount(2) accepts, by name.
    var fileSystems: [String: any VfsFileSystemType] = [:]

    public init() {}

    public func boot(_ environment: Environment) throws(EngineFailure) { self.environment = environment }
    public func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        throw EngineFailure("not booted")
    }
    public func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { throw EngineFailure("not booted") }
    public func cancel(_ task: TaskID) {}
    public func advance(to time: UInt64) {}
    public func postSignal(_ signal: Int32, to task: TaskID) {}
    public func taskEnded(_ task: TaskID, status: Int32?) {}
    public func graft(_ graft: Graft, on task: TaskID) -> Bool { false }
}
