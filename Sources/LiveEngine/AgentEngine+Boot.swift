// The first process: its root, its ids, its descriptors, as the recording found them.
import Engine
import LinuxABI

/// Descriptors of the conductor that lead to what was not recorded.
struct OutsideEnds {
    /// `/proc/sys/kernel/ns_last_pid`; -1 where it cannot be written.
    var lastPid: Int64 = -1
    /// The far ends of pipes, sockets and terminals, by their recorded identity.
    var ends: [UInt64: Int64] = [:]
    /// Where the near ends wait until the first process takes them.
    var near: [UInt64: (read: Int64, write: Int64)] = [:]
}

extension AgentEngine {
    private static let directory: UInt64 = 0o200000
    private static let readWrite: UInt64 = 2
    private static let closeOnExec: UInt64 = 0o2000000
    /// What a call that opens does beside opening.
    private static let making = ABI.constant("O_CREAT") | ABI.constant("O_EXCL") | ABI.constant("O_TRUNC")

    func bootRoot() throws(EngineFailure) {
        try make("umask", .value(0))
        if options.isolates {
            rootPath = options.ownsRoot ? "" : options.rootPath
            try layOutRoot()
            try make("sethostname", .text(environment.hostname), .number(environment.hostname.utf8.count))
            try raiseLoopback()
        }
        let path = "/proc/sys/kernel/ns_last_pid"
        outside.lastPid = try make("open", .text(path), .value(Self.readWrite | Self.closeOnExec)).result
        try openOutside()
        try startRoot()
    }

    /// An interface `lo` that is up, as every machine has.
    private func raiseLoopback() throws(EngineFailure) {
        let socket = try make("socket", .value(2), .value(0o2000002), .value(0)).result
        guard socket >= 0 else { return }
        var request = Array("lo".utf8) + [UInt8](repeating: 0, count: 38)
        // IFF_UP | IFF_RUNNING in ifr_flags.
        request[16] = 0x41
        try make("ioctl", .number(socket), .value(ABI.constant("SIOCSIFFLAGS")), .bytes(request))
        try make("close", .number(socket))
    }

    // MARK: - The first process

    private func startRoot() throws(EngineFailure) {
        let process = environment.process
        let parent = try startAncestors(process)
        let slot = try takeSlot()
        try startProcess(process.pid, in: parent, slot)
        tasks[process.task] = TaskState(slot: slot, memory: AddressSpace(), actions: SignalActions())
        if process.session == process.pid {
            try make("setsid", in: slot)
        } else if process.processGroup == process.pid {
            try make("setpgid", .value(0), .value(0), in: slot)
        }
        if options.isolates { try enterRoot(slot) }
        try takeDescriptors(slot)
        try make("chdir", .text(process.workingDirectory), in: slot)
        try make("umask", .number(process.umask), in: slot)
        try becomeUser(process, slot)
        try setSignals(process, slot)
    }

    /// A child of `parent`'s task, like fork's, with the recorded pid where one can be chosen.
    private func startProcess(_ pid: Int32, in parent: UInt32, _ slot: UInt32) throws(EngineFailure) {
        try choosePid(pid)
        let zero = Argument.value(0)
        let answer = try make("clone", .value(17), zero, zero, zero, zero, in: parent, flags: .clone, child: slot)
        notePid(try must("start a process", answer), recorded: Int64(pid), isNested: false)
    }

    /// Stand-ins for those who were there before: the leaders of its session and its group, and its parent, the last.
    private func startAncestors(_ process: Environment.Process) throws(EngineFailure) -> UInt32 {
        var last: UInt32 = 0
        var started: Set<Int32> = [process.pid]
        for pid in [process.session, process.processGroup, process.parent] {
            guard pid == process.parent || pid > 1, started.insert(pid).inserted else { continue }
            let slot = try takeSlot()
            try startProcess(pid, in: last, slot)
            if last == 0 {
                try make("setsid", in: slot)
            } else if pid == process.processGroup {
                try make("setpgid", .value(0), .value(0), in: slot)
            }
            last = slot
        }
        return last
    }

    private func enterRoot(_ slot: UInt32) throws(EngineFailure) {
        if options.ownsRoot { return }
        try tryTo("make a mount namespace", make("unshare", .value(ABI.constant("CLONE_NEWNS")), in: slot))
        try must("enter the root", make("chdir", .text(rootPath), in: slot))
        let turned = try make("pivot_root", .text("."), .text("."), in: slot)
        let compiler = opened as? ProgramCompiler
        // Whether it turned is known where the program runs.
        let turn = compiler?.lastID ?? 0
        compiler?.condition = .ifSucceeded(turn)
        if turned.result == 0 {
            try must("leave the old root", make("umount2", .text("."), .value(2), in: slot))
            try make("chdir", .text("/"), in: slot)
        }
        compiler?.condition = .ifFailed(turn)
        if turned.result != 0 || compiler != nil {
            try must("enter the root", make("chroot", .text("."), in: slot))
        }
        compiler?.condition = .always
    }

    private func becomeUser(_ process: Environment.Process, _ slot: UInt32) throws(EngineFailure) {
        for (resource, limit) in process.limits.sorted(by: { $0.key < $1.key }) {
            var bytes = ByteWriter()
            bytes.add(limit.soft)
            bytes.add(limit.hard)
            try make("prlimit64", .value(0), .number(resource), .bytes(bytes.bytes), .value(0), in: slot)
        }
        var groups = ByteWriter()
        for group in process.groups { groups.add(group) }
        try make("setgroups", .number(process.groups.count), .bytes(groups.bytes), in: slot)
        try dropCapabilities(process, slot)
        let (uids, gids) = (process.uids, process.gids)
        try make("setresgid", .number(gids[0]), .number(gids[1]), .number(gids[2]), in: slot)
        try make("setresuid", .number(uids[0]), .number(uids[1]), .number(uids[2]), in: slot)
        if process.noNewPrivileges {
            try make("prctl", .value(38), .value(1), .value(0), .value(0), .value(0), in: slot)
        }
    }

    /// What the recorded process was not able to do, it cannot do here. What it cannot do here is the environment's.
    private func dropCapabilities(_ process: Environment.Process, _ slot: UInt32) throws(EngineFailure) {
        guard process.capabilities.count == 5, process.uids.allSatisfy({ $0 == 0 }), process.capabilities[3] != 0
        else { return }
        // The agent changes /proc/PID/exe with this one.
        let bounding = process.capabilities[3] | 1 << 40
        for capability in 0..<64 where bounding & 1 << UInt64(capability) == 0 {
            // PR_CAPBSET_DROP
            try make("prctl", .value(24), .number(capability), .value(0), .value(0), .value(0), in: slot)
        }
        // _LINUX_CAPABILITY_VERSION_3, this task; then effective, permitted and inheritable, low words before high ones.
        let header: [UInt8] = [0x22, 0x05, 0x08, 0x20, 0, 0, 0, 0]
        var now = try make("capget", .bytes(header), .output(24), in: slot).output
        guard now.count == 24 else { return }
        now += [0, 0, 0, 0]
        let wanted = [process.capabilities[2], process.capabilities[1], process.capabilities[0]]
        var sets = ByteWriter()
        for half in 0..<2 {
            for (index, set) in wanted.enumerated() {
                let word = now.word(half * 12 + index * 4) & 0xffff_ffff
                sets.add(UInt32(truncatingIfNeeded: word & (set | 1 << 40) >> UInt64(half * 32)))
            }
        }
        try make("capset", .bytes(header), .bytes(sets.bytes), in: slot)
    }

    private func setSignals(_ process: Environment.Process, _ slot: UInt32) throws(EngineFailure) {
        for signal in 1...64 where process.ignoredSignals & 1 << UInt64(signal - 1) != 0 && signal != 9 && signal != 19
        {
            var action = ByteWriter()
            action.add(UInt64(1))
            for _ in 0..<3 { action.add(UInt64(0)) }
            try make("rt_sigaction", .number(signal), .bytes(action.bytes), .value(0), .value(8), in: slot)
        }
        // The agent's own signal interrupts parked calls.
        var action = ByteWriter()
        let greeting = try connection.greeting
        action.add(greeting.handler)
        action.add(UInt64(0x0400_0000))
        action.add(greeting.restorer)
        action.add(UInt64(0))
        try make("rt_sigaction", .value(Linux.cancelSignal), .bytes(action.bytes), .value(0), .value(8), in: slot)
        var mask = ByteWriter()
        mask.add(process.blockedSignals)
        try make("rt_sigprocmask", .value(2), .bytes(mask.bytes), .value(0), .value(8), in: slot)
    }

    // MARK: - Descriptors

    /// Makes both ends of what leads outside, in the conductor, high enough to be in nobody's way.
    private func openOutside() throws(EngineFailure) {
        func pair(_ bytes: [UInt8]) throws(EngineFailure) -> (Int64, Int64) {
            guard bytes.count == 8 else { throw EngineFailure("cannot make a pipe for the replay") }
            let compiled = (opened as? ProgramCompiler)?.pairReferences
            let first = compiled?.0 ?? Int64(bytes.word(0) & 0xffff_ffff)
            let second = compiled?.1 ?? Int64(bytes.word(0) >> 32)
            // Out of the way of the numbers that programs have.
            let high = Int32(truncatingIfNeeded: try connection.greeting.descriptors.upperBound + 15)
            return (try raised(first, above: high, in: 0), try raised(second, above: high, in: 0))
        }
        for descriptor in environment.process.descriptors {
            switch descriptor.target {
            case .pipe(let id, _) where outside.near[id] == nil:
                let ends = try pair(make("pipe", .output(8)).output)
                outside.near[id] = (ends.0, ends.1)
            case .socket(let id) where outside.near[id] == nil:
                let ends = try pair(make("socketpair", .value(1), .value(1), .value(0), .output(8)).output)
                outside.near[id] = (ends.0, ends.0)
                outside.ends[id] = ends.1
            default: break
            }
        }
        let ends = environment.process.descriptors
        for (id, near) in outside.near.sorted(by: { $0.key < $1.key }) where outside.ends[id] == nil {
            // The end that the program does not have stays with the conductor.
            let writes = ends.contains { $0.target == .pipe(id: id, writeEnd: true) }
            outside.ends[id] = writes ? near.read : near.write
            try make("fcntl", .number(outside.ends[id] ?? -1), .value(4), .value(0o4000))
            if writes { try make("fcntl", .number(near.write), .value(1031), .value(1 << 20)) }
        }
    }

    private func takeDescriptors(_ slot: UInt32) throws(EngineFailure) {
        let own = try connection.greeting.descriptors
        try make("close_range", .value(0), .number(own.lowerBound - 1), .value(0), in: slot)
        for descriptor in environment.process.descriptors.sorted(by: { $0.fd < $1.fd }) {
            let fd = descriptor.fd
            let flags = UInt64(descriptor.flags)
            var source: Int64
            var isBorrowed = false
            switch descriptor.target {
            case .file(let path), .terminal(let path):
                source = try make("open", .text(path), .value(flags & ~Self.making), .value(0), in: slot).result
                if source >= 0, descriptor.offset > 0 {
                    try make("lseek", .number(source), .number(descriptor.offset), .value(0), in: slot)
                }
            case .pipe(let id, let writeEnd):
                source = (writeEnd ? outside.near[id]?.write : outside.near[id]?.read) ?? -1
                isBorrowed = true
            case .socket(let id):
                source = outside.near[id]?.write ?? -1
                isBorrowed = true
            case .other: source = -1
            }
            if source < 0 {
                source = try make("open", .text("/dev/null"), .value(Self.readWrite), in: slot).result
                isBorrowed = false
            }
            if !isBorrowed, source >= 0 { source = try raised(source, above: fd, in: slot) }
            guard source >= 0, source != Int64(fd) else { continue }
            try make("dup3", .number(source), .number(fd), .value(flags & Self.closeOnExec), in: slot)
            if !isBorrowed { try make("close", .number(source), in: slot) }
        }
        try make("close_range", .number(own.upperBound + 1), .value(0xffff_ffff), .value(0), in: slot)
    }
}
