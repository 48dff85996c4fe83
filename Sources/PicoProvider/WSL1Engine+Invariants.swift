// What must hold between any two calls; run by tests.
import Engine
import NTKernel

extension WSL1Engine {
    public func checkInvariants() -> [String] {
        var broken: [String] = []
        var references: [ObjectIdentifier: (file: VfsFile, count: Int)] = [:]
        var tables: [ObjectIdentifier: (table: LxFdTable, users: Int)] = [:]
        for case let thread? in threads where !thread.isDead {
            tables[ObjectIdentifier(thread.files), default: (thread.files, 0)].users += 1
            if !thread.group.threads.contains(where: { $0 === thread }) {
                broken.append("thread \(thread.globalID) is not in its group")
            }
            if thread.group.pidNamespace.threads[thread.ownID] !== thread {
                broken.append("thread \(thread.globalID) is not found by its id")
            }
            if thread.ntThread == nil || thread.ntThread?.process !== thread.group.address.ntProcess {
                broken.append("thread \(thread.globalID) runs in another pico process than its group")
            }
        }
        for (table, users) in tables.values {
            if table.users != users {
                broken.append("a descriptor table counts \(table.users) users and has \(users)")
            }
            for case let file? in table.files {
                references[ObjectIdentifier(file), default: (file, 0)].count += 1
            }
        }
        for (file, count) in references.values where file.references < count {
            broken.append("\(file.linkText) counts \(file.references) references and has \(count)")
        }
        for group in initialPidNamespace.groups.values {
            if let parent = group.parent, !parent.children.contains(where: { $0 === group }) {
                broken.append("process \(group.globalID) is not among its parent's children")
            }
            var ancestor = group.parent
            while let current = ancestor, current !== group { ancestor = current.parent }
            if ancestor === group { broken.append("process \(group.globalID) is its own ancestor") }
            if group.isAlive, group.threads.isEmpty {
                broken.append("process \(group.globalID) lives without threads")
            }
            if group.processGroup.members[ObjectIdentifier(group)] !== group {
                broken.append("process \(group.globalID) is not in its process group")
            }
        }
        for namespace in mountNamespaces.compactMap(\.object) {
            for mount in namespace.mounts {
                if mount.namespace !== namespace { broken.append("mount \(mount.identifier) is in two namespaces") }
                if let point = mount.point, !namespace.mounts.contains(where: { $0 === point.mount }) {
                    broken.append("mount \(mount.identifier) hangs on a mount that is gone")
                }
            }
        }
        return broken + kernel._checkInvariants()
    }
}
