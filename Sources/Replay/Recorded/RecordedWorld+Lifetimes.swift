// When tasks, descriptor tables, address spaces and files come and go: what is gone is let go of.
import LinuxABI
import Tables

extension RecordedWorld {
    func add(_ task: TaskState) {
        tasks[task.id] = task
        inhabitants[task.memory, default: 0] += 1
    }

    /// The task goes to an address space of its own (exec).
    func renewMemory(of task: TaskState) {
        leaveMemory(task)
        task.memory = identity()
        inhabitants[task.memory] = 1
    }

    private func leaveMemory(_ task: TaskState) {
        inhabitants[task.memory, default: 1] -= 1
        guard inhabitants[task.memory] == 0 else { return }
        inhabitants.remove(task.memory)
        marks.forget(task.memory)
        onForget(.address, task.memory)
    }

    /// The task ended: its descriptors are gone, and with the last task of a table the table's names.
    func end(_ id: TaskID) {
        guard let task = tasks[id], task.isAlive else { return }
        forgetResolved()
        task.isAlive = false
        let table = task.files.id
        if isKnownUniquelyReferenced(&task.files) { onForget(.fd, table) }
        task.files = DescriptorTable(id: table)
        leaveMemory(task)
        tasks.retire(task)
    }

    /// A copy of its descriptor table becomes the task's own (exec, unshare).
    func separateTable(of task: TaskState) {
        let old = task.files.id
        let isLast = isKnownUniquelyReferenced(&task.files)
        task.files = copyTable(of: task)
        if isLast { onForget(.fd, old) }
    }

    /// A copy of the task's descriptor table.
    func copyTable(of task: TaskState) -> DescriptorTable {
        let copy = DescriptorTable(id: identity(), entries: task.files.entries)
        onCopy(.fd, task.files.id, copy.id)
        return copy
    }

    /// Lets go of what nothing refers to any more.
    func tidy() {
        if !files.departures.makers.isEmpty {
            for maker in files.departures.makers { onDeparture(maker) }
            files.departures.makers.removeAll(keepingCapacity: true)
        }
        if files.mayForget {
            walks.forget()
            forgetResolved()
            files.forgetAbsent()
        }
    }
}
