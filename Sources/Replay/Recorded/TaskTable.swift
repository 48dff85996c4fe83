// The tasks of a recording, by their number in it and by their ids.
import LinuxABI

struct TaskTable {
    private var states = TaskMap<TaskState>()
    /// By thread id; several when ids were given again or repeat in other pid namespaces.
    private var byNumber = IntegerTable<[TaskState]>()

    subscript(task: TaskID) -> TaskState? {
        @inline(__always)
        get { states[task] }
        set {
            states[task] = newValue
            if let newValue { renumber(newValue) }
        }
    }

    /// Every task so far, in order of creation.
    var values: some Sequence<TaskState> { states.lazyValues }

    /// The task got this thread id (it is new, or an exec made it the leader of its group).
    mutating func renumber(_ task: TaskState) {
        byNumber[Self.key(task.tid), default: []].removeAll { $0 === task || $0.tid != task.tid }
        byNumber[Self.key(task.tid), default: []].append(task)
    }

    /// The living task with this thread id, else the last that had it.
    func numbered(_ tid: Int32) -> TaskState? {
        guard let list = byNumber[Self.key(tid)] else { return nil }
        return list.first { $0.tid == tid && $0.isAlive } ?? list.filter { $0.tid == tid }.max { $0.id < $1.id }
    }

    private static func key(_ tid: Int32) -> UInt64 { UInt64(UInt32(bitPattern: tid)) }
}
