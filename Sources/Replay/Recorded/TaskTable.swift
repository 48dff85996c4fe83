// The tasks of a recording, by their number in it and by their ids.
import LinuxABI
import Tables

struct TaskTable {
    private var states = TaskMap<TaskState>()
    /// By thread id; several when ids were given again or repeat in other pid namespaces.
    private var byNumber = IntegerTable<[TaskState]>()
    /// Thread groups of tasks that were forgotten.
    private var groups = TaskMap<Int32>()
    /// Tasks that have ended and may be asked for, in order of their end.
    private var ended: [TaskID] = []
    /// How many ended tasks stay known.
    var memory = 1 << 10

    /// States held.
    var count: Int { states.count }

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

    /// The task has ended. Nobody asks for those that ended well before and were waited for.
    mutating func retire(_ task: TaskState) {
        ended.append(task.id)
        guard ended.count > 2 * memory else { return }
        let waiting = ended.prefix(memory).filter { !forget($0) }
        ended.replaceSubrange(0..<memory, with: waiting)
    }

    private mutating func forget(_ id: TaskID) -> Bool {
        guard let task = states[id] else { return true }
        let isZombie = task.tid == task.tgid && !task.isReaped
        if isZombie, let parent = task.parent, states[parent]?.isAlive == true { return false }
        states.remove(id)
        groups[id] = task.tgid
        let key = Self.key(task.tid)
        byNumber[key, default: []].removeAll { $0 === task }
        if byNumber[key]?.isEmpty == true { byNumber.remove(key) }
        return true
    }

    /// The thread group of a task, however long ago it ended.
    func group(of task: TaskID) -> Int32? { states[task]?.tgid ?? groups[task] }

    /// The living task with this thread id, else the last that had it.
    func numbered(_ tid: Int32) -> TaskState? {
        guard let list = byNumber[Self.key(tid)] else { return nil }
        return list.first { $0.tid == tid && $0.isAlive } ?? list.filter { $0.tid == tid }.max { $0.id < $1.id }
    }

    private static func key(_ tid: Int32) -> UInt64 { UInt64(UInt32(bitPattern: tid)) }
}
