// One program in an instance, as a replay sees it: an engine that boots into an instance that runs already.
import Engine
import LinuxABI

/// Forwards to the instance's engine; tasks of the recording get numbers behind init's own.
final class LxssProgram: Engine {
    private let instance: LxssInstance
    private let engine: WSL1Engine
    private var offset: UInt32 = 0
    private var startTime: UInt64 = 0

    private let user: String?
    private let folder: String?

    init(_ instance: LxssInstance, user: String?, folder: String?) {
        self.instance = instance
        self.user = user
        self.folder = folder
        engine = instance.engine
    }

    var identity: EngineIdentity { engine.identity }

    func boot(_ environment: Environment) throws(EngineFailure) {
        guard instance.isRunning else { throw EngineFailure("the instance is stopped") }
        offset = instance.takeTasks()
        startTime = instance.time
        _ = try instance.launch(environment, tasks: offset, user: user, folder: folder)
    }

    var defersEvidence: Bool {
        get { engine.defersEvidence }
        set { engine.defersEvidence = newValue }
    }

    func completeEvidence(of result: inout DispatchResult) { engine.completeEvidence(of: &result) }

    private func own(_ task: TaskID) -> TaskID { TaskID(rawValue: task.rawValue + offset) }

    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        var call = call
        call.childTask = own(call.childTask)
        return try engine.dispatch(call, on: own(task))
    }

    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { try engine.retry(own(task)) }
    func cancel(_ task: TaskID) { engine.cancel(own(task)) }
    func advance(to time: UInt64) { instance.advance(to: startTime + time) }
    func postSignal(_ signal: Int32, to task: TaskID) { engine.postSignal(signal, to: own(task)) }
    func hold(_ signals: UInt64, for task: TaskID) { engine.hold(signals, for: own(task)) }
    func taskEnded(_ task: TaskID, status: Int32?) { engine.taskEnded(own(task), status: status) }
    func forget(_ task: TaskID) { engine.forget(own(task)) }
    func checkInvariants() -> [String] { engine.checkInvariants() }

    func graft(_ graft: Graft, on task: TaskID) -> Bool {
        if case .child(let child, let pid, let flags) = graft {
            return engine.graft(.child(task: own(child), pid: pid, flags: flags), on: own(task))
        }
        return engine.graft(graft, on: own(task))
    }
}
