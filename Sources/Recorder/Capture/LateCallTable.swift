// What LatePaths needs to know of each call, looked up by number; made once, mostly from the descriptions.
import LinuxABI

/// By x86-64 number.
struct LateCallTable {
    /// What a call does to descriptors and directories.
    enum Effect: UInt8 {
        case none
        /// The result is a descriptor of the path's file.
        case open, openAt, openHow, creat
        case duplicate, duplicateTo, control
        case close, closeRange
        case changeDirectory, changeDirectoryTo, changeRoot
        case unshare, joinNamespace
        case rename, renameAt
        /// The result is a descriptor of something that is no directory, or of which that is not known.
        case create
        /// Some sub-commands do.
        case createSometimes
        /// An argument points to two descriptors.
        case createPair
    }
    /// What a successful call tells of the file at its path.
    enum Answer: UInt8 { case none, status, extendedStatus, target }

    struct Entry {
        var effect = Effect.none
        var answer = Answer.none
        /// The argument that points to the answer, or to a pair of descriptors.
        var answerArgument: Int8 = -1
        /// As in `CallTable`.
        var firstPath: Int8 = -1
        var firstDirectory: Int8 = -1
        var secondPath: Int8 = -1
        var secondDirectory: Int8 = -1
        var hasSocketAddress = false
        /// A link at the end of the path is not followed: always, or if this argument has a bit of the mask.
        var neverFollows = false
        var followArgument: Int8 = -1
        var followMask: UInt64 = 0

        func follows(_ arguments: SyscallArguments) -> Bool {
            !neverFollows && (followArgument < 0 || arguments[Int(followArgument)] & followMask == 0)
        }
    }

    private struct Creator {
        var number: UInt32
        var selectors: [(argument: Int, mask: UInt64, value: UInt64)]
    }

    private var entries: [Entry] = []
    private var idle: [Bool] = []
    private var creators: [Creator] = []

    init(_ calls: CallTable) {
        for call in ABI.calls {
            guard let number = call.numbers.x86_64 else { continue }
            while entries.count <= number { entries.append(Entry()) }
            entries[number] = entry(call, calls[UInt32(number)])
        }
        idle = entries.map { $0.effect == .none && $0.firstPath < 0 && !$0.hasSocketAddress }
    }

    /// Whether the call touches neither paths nor descriptors.
    @inline(__always)
    func isIdle(_ number: UInt32) -> Bool { Int(number) >= idle.count || idle[Int(number)] }

    @inline(__always)
    subscript(number: UInt32) -> Entry { Int(number) < entries.count ? entries[Int(number)] : Entry() }

    /// Whether the sub-command that these arguments select creates a descriptor.
    func creates(_ number: UInt32, _ arguments: SyscallArguments) -> Bool {
        creators.contains { creator in
            creator.number == number
                && creator.selectors.allSatisfy { arguments[$0.argument] & $0.mask == $0.value }
        }
    }

    private mutating func entry(_ call: CallDescription, _ paths: CallTable.Entry) -> Entry {
        var entry = Entry()
        entry.firstPath = paths.firstPath
        entry.firstDirectory = paths.firstDirectory
        entry.secondPath = paths.secondPath
        entry.secondDirectory = paths.secondDirectory
        entry.hasSocketAddress = paths.traits.contains(.socketAddress)
        entry.effect = LateCallTable.effect(call.name) ?? .none
        if entry.effect == .none { findCreation(call, &entry) }
        guard entry.firstPath >= 0 else { return entry }
        switch call.name {
        case "readlink", "readlinkat":
            entry.answer = .target
            entry.answerArgument = entry.firstPath + 1
            entry.neverFollows = true
        case "lstat", "lgetxattr", "llistxattr", "rename", "renameat", "renameat2", "name_to_handle_at":
            entry.neverFollows = true
        default: break
        }
        for (index, argument) in call.plain.arguments.enumerated() {
            switch argument.type {
            case .pointer(.output, .value(.structure(let structure)), _):
                if structure.name == "stat" { entry.answer = .status }
                if structure.name == "statx" { entry.answer = .extendedStatus }
                if entry.answer != .none { entry.answerArgument = Int8(index) }
            case .scalar(let scalar):
                guard case .flags(let set) = scalar.format else { continue }
                for name in ["AT_SYMLINK_NOFOLLOW", "O_NOFOLLOW", "IN_DONT_FOLLOW"] {
                    guard let flag = set.entries.first(where: { $0.name == name }) else { continue }
                    entry.followArgument = Int8(index)
                    entry.followMask = flag.value
                }
            default: continue
            }
        }
        return entry
    }

    private mutating func findCreation(_ call: CallDescription, _ entry: inout Entry) {
        func makesDescriptor(_ variant: Variant) -> Bool {
            variant.result.creates && variant.result.nameSpace == .fd
        }
        if makesDescriptor(call.plain) { entry.effect = .create }
        for (index, argument) in call.plain.arguments.enumerated() {
            if argument.creates, case .pointer(.output, .array(.scalar, .fixed(2)), _) = argument.type {
                entry.effect = .createPair
                entry.answerArgument = Int8(index)
            }
        }
        // FUTEX_FD went with Linux 2.6.26, and the rest of futex is to stay cheap.
        guard entry.effect == .none, call.name != "futex", let number = call.numbers.x86_64 else { return }
        for variant in call.variants where makesDescriptor(variant) {
            var selectors: [(argument: Int, mask: UInt64, value: UInt64)] = []
            for (index, argument) in variant.arguments.enumerated() {
                guard let selector = argument.selector else { continue }
                let width: UInt64 = argument.type.size < 8 ? 1 << UInt64(argument.type.size * 8) - 1 : UInt64.max
                selectors.append((index, selector.mask & width, selector.value & width))
            }
            creators.append(Creator(number: UInt32(number), selectors: selectors))
            entry.effect = .createSometimes
        }
    }

    private static func effect(_ name: String) -> Effect? {
        switch name {
        case "open": .open
        case "openat": .openAt
        case "openat2": .openHow
        case "creat": .creat
        case "dup": .duplicate
        case "dup2", "dup3": .duplicateTo
        case "fcntl": .control
        case "close": .close
        case "close_range": .closeRange
        case "chdir": .changeDirectory
        case "fchdir": .changeDirectoryTo
        case "chroot", "pivot_root": .changeRoot
        case "unshare": .unshare
        case "setns": .joinNamespace
        case "rename": .rename
        case "renameat", "renameat2": .renameAt
        default: nil
        }
    }
}
