// Where given answers and names are looked up: in the recording that the replay was prepared from.
import LinuxABI
import TraceLog

/// Calls by index, for as long as an engine may ask about them: while they are under way, and a while after.
///
/// Used by the thread that replays, and by nobody else.
final class AnswerBook: @unchecked Sendable {
    private let calls: CallWindow
    /// The call entered last: `open` has it for as long as its task is there.
    private unowned(unsafe) var current: RecordedCall?
    /// The call of each task.
    private var open = TaskMap<RecordedCall>()

    init(_ calls: CallWindow) { self.calls = calls }

    /// A replay of the same recording enters a call.
    ///
    /// - Returns: the task's call before.
    func enter(_ call: RecordedCall) -> RecordedCall? {
        current = call
        return open.replace(call.record.task, call)
    }

    /// A task makes no more calls.
    func end(_ task: TaskID) {
        if current?.record.task == task { current = nil }
        open.remove(task)
    }

    func call(_ index: UInt64) -> RecordedCall? {
        if let current, current.index == index { return current }
        if let position = calls.position(ofCall: index) { return calls.call(position) }
        return open.values.first { $0.index == index }
    }
}
