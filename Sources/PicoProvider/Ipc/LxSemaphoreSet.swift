// SysV semaphores (RN:15014), in the provider.
import Engine
import LinuxABI

final class LxSemaphoreSet {
    let identifier: Int32
    var permissions: LxIpcPermissions
    var values: [Int32]
    var lastProcess: [Int32]
    var isRemoved = false
    var operationTime: Int64 = 0
    var changeTime: Int64

    init(identifier: Int32, count: Int, permissions: LxIpcPermissions, time: Int64) {
        self.identifier = identifier
        self.permissions = permissions
        values = Array(repeating: 0, count: count)
        lastProcess = values
        changeTime = time
    }
}

/// What a parked semop waits for.
final class LxSemaphoreWait {
    let set: LxSemaphoreSet
    let index: Int
    let isForZero: Bool

    init(set: LxSemaphoreSet, index: Int, isForZero: Bool) {
        self.set = set
        self.index = index
        self.isForZero = isForZero
    }
}

extension WSL1Engine {
    /// SEM_UNDO at the end of a process.
    func undoSemaphores(of group: LxThreadGroup) {
        guard !group.semaphoreUndo.isEmpty, let namespace = group.anyThread?.namespaces.ipc else { return }
        for (identifier, adjustments) in group.semaphoreUndo {
            guard let set = namespace.semaphoreSets[identifier] else { continue }
            for (index, adjustment) in adjustments where index < set.values.count {
                set.values[index] = max(0, set.values[index] + Int32(adjustment))
            }
        }
        group.semaphoreUndo = [:]
        events += 1
    }
}
