// The call being served: its arguments, and what it left behind when it had to wait.
import Engine
import LinuxABI

final class LxpCall: VfsContext {
    var arguments = SyscallArguments()
    var childTask = TaskID(rawValue: 0)
    /// A graft names the id of the child.
    var wantedID: Int32?
    /// The slot of the table that serves it, where the engine holds them all, and its number.
    var entryNumber = 0
    private(set) var place: UnsafePointer<LxpSyscallSlot>
    var entry: LxpSyscallSlot {
        _read { yield place.pointee }
    }
    /// The number and architecture that the program used.
    private var guestNumber = 0
    private var architecture = Architecture.x86_64
    /// restart_syscall, while the call that it goes on with is served.
    private var restarting: GuestCall?
    /// Signals delivered to the thread before the call and after it.
    var signals: [Int32] = []
    /// Set while a parked call is tried again.
    var parked: LxParkedCall?
    var interruption = LxpInterruption.restartSys
    /// The wait ends only for a fatal signal.
    var isUninterruptible = false
    /// A failure keeps what was written (capget answers the version that it knows).
    var keepsWrites = false
    /// What the executive had done when the call began.
    var costBefore = TranslationCost()
    /// Overrides of the entry's evidence; nil: as in the table.
    var support: Evidence.Support?
    var note = ""
    var source = ""
    /// The state of the thread's credentials that ``credentials`` are a copy of.
    private var credentialsVersion: UInt64 = 0

    override init(engine: WSL1Engine) {
        place = engine.slot(-1)
        super.init(engine: engine)
    }

    /// Becomes the call that `caller` makes; `number` is the table's.
    @inline(__always)
    func begin(_ guest: GuestCall, _ caller: LxThread, _ number: Int, _ slot: UnsafePointer<LxpSyscallSlot>) {
        take(caller)
        index = guest.index
        isCall = true
        take(guest.memory)
        arguments = guest.arguments
        childTask = guest.childTask
        guestNumber = guest.number
        architecture = guest.architecture
        entryNumber = number
        place = slot
        interruption = slot.pointee.interruption
        if parked != nil { parked = nil }
        if support != nil { forgetNotes() }
        if restarting != nil { restarting = nil }
        isUninterruptible = false
        keepsWrites = false
        if !writes.isEmpty { writes = [] }
        if !given.isEmpty { given = [] }
        if !signals.isEmpty { signals = [] }
    }

    /// As the program made it, for a call that has to wait.
    var guest: GuestCall {
        restarting
            ?? GuestCall(
                index: index,
                number: guestNumber,
                architecture: architecture,
                arguments: arguments,
                memory: memory,
                childTask: childTask
            )
    }

    /// restart_syscall goes on with another call's arguments.
    func goOn(with call: GuestCall) {
        restarting = guest
        arguments = call.arguments
        memory = call.memory
    }

    /// The thread makes the call. Most calls are by the same one as the call before, and nothing is copied.
    @inline(__always)
    func take(_ caller: LxThread) {
        if thread === caller, credentialsVersion == caller.credentialsVersion { return }
        thread = caller
        credentials = caller.credentials
        credentialsVersion = caller.credentialsVersion
    }

    /// Apart: one count, where a copy of the whole call would be made.
    @inline(never)
    private func take(_ chunks: MemoryChunks) { memory = chunks }

    func forgetNotes() {
        support = nil
        note = ""
        source = ""
    }

    subscript(index: Int) -> UInt64 { arguments[index] }

    func int(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: arguments[index]) }

    func uint(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: arguments[index]) }

    func long(_ index: Int) -> Int64 { Int64(bitPattern: arguments[index]) }

    /// What the call keeps from one attempt to the next; made at the first attempt that has to wait.
    var waiting: LxParkedCall {
        if let parked { return parked }
        let made = LxParkedCall()
        parked = made
        return made
    }

    /// The call fell into a documented gap of the implementation under study.
    func partial(_ note: String, _ source: String = "") {
        support = .partial
        self.note = note
        if !source.isEmpty { self.source = source }
    }

    override func explain(_ note: LxNote) {
        guard isCall else { return }
        support = .handled
        self.note = "\(note.text)"
        source = "\(note.source)"
    }

    /// The evidence of the table's entry, with what this answer says otherwise.
    func amended(_ plain: Evidence) -> Evidence {
        guard let support else { return plain }
        var evidence = plain
        evidence.support = support
        evidence.note = note
        if !source.isEmpty { evidence.source = source }
        return evidence
    }

    /// The call was answered without being done, as lxcore does.
    func stub(_ note: String, _ source: String = "") {
        support = .stub
        self.note = note
        if !source.isEmpty { self.source = source }
    }

    var group: LxThreadGroup { thread.group }

    /// Throws what builds before `build` answer; facts with a first build hold from there on.
    func since(
        _ build: Int,
        _ errno: Errno,
        _ what: StaticString,
        _ source: StaticString
    ) throws(LxFailure) {
        try engine.require(build, what, source, errno)
    }

    // MARK: - Descriptors

    /// The open file behind descriptor argument `index`, or EBADF. O_PATH descriptors answer EBADF too.
    func file(_ index: Int) throws(LxFailure) -> VfsFile {
        let file = try anyFile(index)
        if file.flags & OpenFlag.path != 0 { throw .errno(.EBADF) }
        return file
    }

    /// As ``file(_:)``, for calls that work on O_PATH descriptors.
    func anyFile(_ index: Int) throws(LxFailure) -> VfsFile {
        guard let slot = thread.files[Int(int(index))] else { throw .errno(.EBADF) }
        return slot.file
    }

    var openLimit: Int { group.openLimit }

    func install(_ file: VfsFile, closeOnExec: Bool) throws(LxFailure) -> Int64 {
        let fd = try thread.files.lowest(from: 0, limit: openLimit)
        _ = thread.files.put(file, at: fd, closeOnExec: closeOnExec)
        return Int64(fd)
    }

    // MARK: - Paths

    func path(_ index: Int) throws(LxFailure) -> VfsPath { try readPath(arguments[index]) }

    /// Where a relative path of an *at call starts: the directory descriptor, or the working directory.
    func base(_ index: Int, for path: VfsPath) throws(LxFailure) -> VfsLocation {
        if path.isAbsolute { return thread.fs.root }
        if int(index) == AtFlag.workingDirectory { return thread.fs.workingDirectory }
        guard let location = try anyFile(index).location else { throw .errno(.ENOTDIR) }
        if !path.isEmpty, !location.inode.isDirectory { throw .errno(.ENOTDIR) }
        return location
    }

    func walk(_ path: VfsPath, from base: VfsLocation, follow: Bool) throws(LxFailure) -> VfsLocation {
        var walk = VfsWalk(self)
        return try walk.resolve(path, from: base, follow: follow)
    }

    func walkParent(_ path: VfsPath, from base: VfsLocation) throws(LxFailure) -> VfsWalk.Place {
        var walk = VfsWalk(self)
        return try walk.parent(path, from: base)
    }
}

extension WSL1Engine {
    /// Throws `errno` on builds before `build`.
    func require(
        _ build: Int,
        _ what: StaticString,
        _ source: StaticString,
        _ errno: Errno = .EINVAL
    ) throws(LxFailure) {
        guard self.build < WSL1Build(build) else { return }
        throw .unsupported(errno, note: what, source: source)
    }
}

/// A call that waits: what it needs to be tried again.
final class LxParkedCall {
    var call: GuestCall?
    var number = 0
    /// Nanoseconds since the start of the recording; nil: no timeout.
    var deadline: UInt64?
    /// Bytes or items done before it had to wait.
    var progress = 0
    /// Whatever the routine keeps: a futex waiter, a pending connection.
    var object: AnyObject?
    var value: Int64 = 0
    /// What earlier attempts cost.
    var cost = TranslationCost()
    /// The engine's event count at the last attempt: without a new event the answer is the same.
    var seenEvents: UInt64 = 0
}

extension LxpCall {
    /// A signal waits to be delivered: a call that would wait ends instead.
    var isInterrupted: Bool { thread.hasDeliverableSignal }
}

extension VfsContext {
    /// Data of somebody who was not recorded, or a wait when the environment has none for this call.
    func dataFromOutside(_ count: Int, _ what: String) throws(LxFailure) -> VfsData {
        guard isCall, let available = environment.given.number(.available(what: what), for: index) else {
            throw .wouldBlock
        }
        given.append(GivenUse(name: what, part: .result))
        return VfsData(unknown: min(max(0, Int(available)), count), what: what)
    }
}
