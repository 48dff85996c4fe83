// Birth, death and kinship of threads and thread groups.
import Engine
import LinuxABI
import NTKernel

extension WSL1Engine {
    /// Process group by id as members of `namespace` see it.
    func processGroup(_ identifier: Int32, in namespace: LxPidNamespace) -> LxProcessGroup? {
        for group in namespace.groups.values {
            let processGroup = group.processGroup
            if LxpVisibleID(processGroup.identifier, namespace, self) == identifier { return processGroup }
        }
        return nil
    }

    /// A free id in `namespace`: the offered one if it is free, else the next.
    func allocateID(in namespace: LxPidNamespace, offered: Int32?) -> Int32 {
        let isFree: (Int32) -> Bool = { namespace.threads[$0] == nil && namespace.groups[$0] == nil }
        if let offered, offered > 0, isFree(offered) {
            namespace.lastID = max(namespace.lastID, offered)
            return offered
        }
        var candidate = namespace.lastID + 1
        while !isFree(candidate) { candidate += 1 }
        namespace.lastID = candidate
        return candidate
    }

    func register(_ thread: LxThread, isLeader: Bool) {
        var namespace: LxPidNamespace? = thread.group.pidNamespace
        while let current = namespace {
            current.threads[thread.ids[current.level]] = thread
            if isLeader { current.groups[thread.group.ids[current.level]] = thread.group }
            namespace = current.parent
        }
        setThread(thread.task, thread)
    }

    fileprivate func unregister(_ thread: LxThread) {
        var namespace: LxPidNamespace? = thread.group.pidNamespace
        while let current = namespace {
            if current.threads[thread.ids[current.level]] === thread {
                current.threads[thread.ids[current.level]] = nil
            }
            namespace = current.parent
        }
    }

    // MARK: - Death

    /// Ends every thread of the group: exit_group, a fatal signal. `status` is a wait status.
    func terminate(_ group: LxThreadGroup, status: Int32, _ context: VfsContext) {
        guard group.isAlive, group.groupExitStatus == nil || !group.threads.isEmpty else { return }
        group.groupExitStatus = group.groupExitStatus ?? status
        for thread in group.threads { endThread(thread, status: status, context) }
    }

    /// One thread is gone; with the last one, its process.
    func endThread(_ thread: LxThread, status: Int32, _ context: VfsContext) {
        guard !thread.isDead else { return }
        events += 1
        thread.isDead = true
        let group = thread.group
        futexes.forget(thread)
        if thread.clearChildTid != 0, group.threads.count > 1 || group.vforkParent != nil {
            futexes.wake(LxpFutexKey(group.address, thread.clearChildTid), count: 1, bitset: .max)
        }
        group.threads.removeAll { $0 === thread }
        releaseFiles(of: thread, context)
        unregister(thread)
        ntTerminate(thread, status)
        // Children of this thread hear of its death when they asked to (PR_SET_PDEATHSIG).
        for child in group.children where child.parentThread === thread && child.parentDeathSignal != 0 {
            post(LxSignalInfo(signal: child.parentDeathSignal, code: 0, pid: 0), to: child)
        }
        if group.threads.isEmpty { endGroup(group, status: group.groupExitStatus ?? status, context) }
    }

    /// The last thread of a table closes its descriptors.
    private func releaseFiles(of thread: LxThread, _ context: VfsContext) {
        thread.files.users -= 1
        guard thread.files.users == 0 else { return }
        let previous = context.thread
        context.thread = thread
        for fd in thread.files.open {
            if let file = thread.files.take(fd) { LxpClose(context, file) }
        }
        context.thread = previous
        thread.files.clear()
    }

    private static let noChildWait = ABI.constant("SA_NOCLDWAIT")

    private func endGroup(_ group: LxThreadGroup, status: Int32, _ context: VfsContext) {
        releaseVforkParent(group)
        undoSemaphores(of: group)
        group.address.users -= 1
        group.timers = LxProcessTimers()
        if group.session.identifier == group.globalID { endSession(group.session) }
        let namespace = group.pidNamespace
        if namespace.initGroup === group, namespace.level > 0 { endNamespace(namespace, context) }
        reparentChildren(of: group)
        orphanStopped(group)
        group.state = .zombie(status: status)
        guard let parent = group.parent else {
            reap(group)
            return
        }
        let action = parent.handlers[LxSignal.child]
        let isAutomatic =
            group.exitSignal == LxSignal.child
            && (action.isIgnored || action.flags & Self.noChildWait != 0)
        if group.exitSignal != 0 {
            let code: Int32 = status & 0x7f == 0 ? 1 : status & 0x80 != 0 ? 3 : 2
            let value = status & 0x7f == 0 ? status >> 8 & 0xff : status & 0x7f
            post(
                LxSignalInfo(
                    signal: group.exitSignal,
                    code: code,
                    pid: group.id(in: parent.pidNamespace),
                    uid: group.leader?.credentials.uid ?? 0,
                    value: Int64(value)
                ),
                to: parent
            )
        }
        if isAutomatic { reap(group) }
    }

    func releaseVforkParent(_ group: LxThreadGroup) {
        group.vforkParent = nil
        events += 1
    }

    /// wait took it, or nobody will.
    func reap(_ group: LxThreadGroup) {
        group.state = .dead
        group.parent?.children.removeAll { $0 === group }
        group.processGroup.members[ObjectIdentifier(group)] = nil
        var namespace: LxPidNamespace? = group.pidNamespace
        while let current = namespace {
            if current.groups[group.ids[current.level]] === group { current.groups[group.ids[current.level]] = nil }
            namespace = current.parent
        }
        events += 1
    }

    /// Orphans go to the nearest subreaper, else to the init of the pid namespace that their parent lived in.
    private func reparentChildren(of group: LxThreadGroup) {
        guard !group.children.isEmpty else { return }
        let orphans = group.children
        group.children = []
        for orphan in orphans {
            var reaper = group.parent
            while let candidate = reaper, !(candidate.isSubreaper && candidate.isAlive) { reaper = candidate.parent }
            if reaper == nil, let first = group.pidNamespace.initGroup, first !== group, first !== orphan, first.isAlive
            {
                reaper = first
            }
            orphan.parent = reaper
            orphan.parentThread = nil
            if orphan.exitSignal != 0 { orphan.exitSignal = LxSignal.child }
            guard let reaper else {
                // init was not recorded; it reaps at once.
                if case .zombie = orphan.state { reap(orphan) }
                continue
            }
            reaper.children.append(orphan)
            if case .zombie = orphan.state {
                post(
                    LxSignalInfo(signal: LxSignal.child, code: 1, pid: orphan.id(in: reaper.pidNamespace)),
                    to: reaper
                )
            }
        }
    }

    /// A process group that becomes orphaned with stopped members gets SIGHUP and SIGCONT.
    private func orphanStopped(_ group: LxThreadGroup) {
        let processGroup = group.processGroup
        guard processGroup.members.values.contains(where: { if case .stopped = $0.state { true } else { false } }),
            isOrphaned(processGroup)
        else { return }
        for member in processGroup.members.values.sorted(by: { $0.globalID < $1.globalID }) where member.isAlive {
            post(LxSignalInfo(signal: LxSignal.hangUp, code: 0x80), to: member)
            post(LxSignalInfo(signal: LxSignal.proceed, code: 0x80), to: member)
        }
    }

    /// The session leader left: the foreground group hears SIGHUP (RN:17025).
    private func endSession(_ session: LxSession) {
        guard let terminal = session.terminal else { return }
        session.terminal = nil
        if let foreground = terminal.foreground {
            for member in foreground.members.values.sorted(by: { $0.globalID < $1.globalID }) where member.isAlive {
                post(LxSignalInfo(signal: LxSignal.hangUp, code: 0x80), to: member)
                post(LxSignalInfo(signal: LxSignal.proceed, code: 0x80), to: member)
            }
        }
        terminal.session = nil
        terminal.foreground = nil
    }

    /// Pid 1 of a namespace died: so does everybody in it (UT:namespace.c).
    private func endNamespace(_ namespace: LxPidNamespace, _ context: VfsContext) {
        namespace.isDead = true
        for member in namespace.groups.values.sorted(by: { $0.globalID < $1.globalID }) where member.isAlive {
            terminate(member, status: LxSignal.kill, context)
        }
        for member in namespace.groups.values where member !== namespace.initGroup {
            if case .zombie = member.state { reap(member) }
        }
    }
}

/// A global id as `namespace` shows it; 0 when invisible.
func LxpVisibleID(_ global: Int32, _ namespace: LxPidNamespace, _ engine: WSL1Engine) -> Int32 {
    if namespace.level == 0 { return global }
    return engine.group(globalID: global)?.id(in: namespace) ?? 0
}

extension WSL1Engine {
    /// exec by a thread that does not lead: it takes over the leader's ids (RN:18342).
    func adoptLeadership(_ thread: LxThread) {
        let group = thread.group
        unregister(thread)
        thread.ids = group.ids
        group.leader = thread
        register(thread, isLeader: true)
    }
}
