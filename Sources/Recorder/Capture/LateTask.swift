// What LatePaths keeps of a task: where it works, and which of its descriptors are directories.
import LinuxABI
import TraceLog

/// Held by the log thread with its task, so that no call has to look it up.
final class LateTask {
    private(set) var tid: Int32
    private(set) var tgid: Int32
    // Only the log thread comes here, and a check of each access costs more than what a close does.
    @exclusivity(unchecked) private(set) var descriptors: Descriptors
    @exclusivity(unchecked) private(set) var place: Place

    /// A task of which nothing is known.
    init(tid: Int32, tgid: Int32) {
        self.tid = tid
        self.tgid = tgid
        descriptors = Descriptors()
        place = Place()
        place.isElsewhere = true
    }

    /// A task created by `parent`.
    init(tid: Int32, tgid: Int32, parent: LateTask, flags: CloneFlags) {
        self.tid = tid
        self.tgid = tgid
        descriptors = flags.contains(.files) ? parent.descriptors : Descriptors(copying: parent.descriptors)
        place = flags.contains(.directories) ? parent.place : Place(copying: parent.place)
        if flags.contains(.mounts) { place.isElsewhere = true }
    }

    /// The working directory, or the directory that the descriptor is; 0 if not known.
    func directory(_ fd: Int32) -> Int32 { fd == CloneFlags.workingDirectory ? place.directory : descriptors[fd] }

    /// Descriptors that are closed on exec are gone, and which those are is not kept.
    func executed(tid: Int32) {
        self.tid = tid
        tgid = tid
        descriptors = Descriptors()
    }

    /// Shares nothing of `flags` with other tasks any more.
    func unshare(_ flags: CloneFlags) {
        if flags.contains(.files) { descriptors = Descriptors(copying: descriptors) }
        if !flags.isDisjoint(with: [.directories, .mounts, .users]) { place = Place(copying: place) }
        if flags.contains(.mounts) { place.isElsewhere = true }
    }
}

/// Directories by descriptor, as numbers of `DirectoryNames`; shared by tasks with CLONE_FILES.
///
/// A number that is free is unknown here, whoever opens it next.
final class Descriptors {
    @exclusivity(unchecked) private var directories: [Int32] = []
    private static let limit = 1 << 20

    init() {}
    init(copying other: Descriptors) { directories = other.directories }

    subscript(fd: Int32) -> Int32 { directories.indices.contains(Int(fd)) ? directories[Int(fd)] : 0 }

    func set(_ fd: Int32, _ directory: Int32) {
        guard fd >= 0, fd < Descriptors.limit else { return }
        if Int(fd) >= directories.count {
            guard directory != 0 else { return }
            directories.append(contentsOf: repeatElement(0, count: Int(fd) + 1 - directories.count))
        }
        directories[Int(fd)] = directory
    }

    func close(_ first: UInt32, _ last: UInt32) {
        guard Int(first) < directories.count, first <= last else { return }
        for fd in Int(first)...min(Int(last), directories.count - 1) { directories[fd] = 0 }
    }
}

/// Root and working directory; shared by tasks with CLONE_FS.
final class Place {
    var directory: Int32 = 0
    /// The task may have left the reference root or mount namespace.
    var isElsewhere = false {
        didSet { view = nil }
    }
    /// How the task sees the file system since then.
    private var view: PathView?

    init() {}
    init(copying other: Place) {
        directory = other.directory
        isElsewhere = other.isElsewhere
    }

    func view(of tid: Int32, _ reference: borrowing PathView.Reference) -> PathView {
        guard isElsewhere else { return reference.view }
        if let view { return view }
        let seen = reference.view(of: tid)
        if seen.isForeign || !seen.root.isEmpty {
            view = seen
        } else {
            // Where it is now it has been before.
            isElsewhere = false
        }
        return seen
    }
}

/// What a new task shares with its parent: the flags of its clone.
struct CloneFlags: OptionSet {
    let rawValue: UInt64
    static let directories = CloneFlags(rawValue: 0x200)  // CLONE_FS
    static let files = CloneFlags(rawValue: 0x400)
    static let mounts = CloneFlags(rawValue: 0x2_0000)  // CLONE_NEWNS
    static let users = CloneFlags(rawValue: 0x1000_0000)
    static let workingDirectory: Int32 = -100  // AT_FDCWD

    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Of the call that the parent is in: clone, clone3, fork or vfork.
    init(of number: UInt32, _ arguments: SyscallArguments, memory: some CallMemory) {
        switch number {
        case CloneFlags.clone: self.init(rawValue: arguments[0])
        case CloneFlags.clone3:
            // `flags` is first in struct clone_args.
            let flags = memory.withMemory(.input, at: arguments[0]) {
                $0.count >= 8 ? $0.loadUnaligned(as: UInt64.self) : 0
            }
            self.init(rawValue: flags ?? 0)
        default: self = []
        }
    }

    private static let clone = ABI.call(named: "clone")?.numbers.x86_64.map(UInt32.init)
    private static let clone3 = ABI.call(named: "clone3")?.numbers.x86_64.map(UInt32.init)
}
