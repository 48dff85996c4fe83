// What the hot loop needs of each call's description, looked up by number once at the start.
import LinuxABI

/// One call's share of the descriptions, indexed by number.
struct CallTable {
    struct Paths: OptionSet {
        let rawValue: UInt16
        /// Replaces the image: the file's first bytes are wanted.
        static let execution = Paths(rawValue: 1)
        /// May change what a cached working directory or directory fd means.
        static let movesDirectories = Paths(rawValue: 2)
        /// May give the task another root or another mount namespace.
        static let changesRoot = Paths(rawValue: 4)
        /// Has a socket address that may be a path.
        static let socketAddress = Paths(rawValue: 8)
    }
    struct Entry {
        var call: CallDescription?
        var program: CaptureProgram?
        var isOpaque = true
        var hasVariants = false
        var traits: Paths = []
        /// Arguments that are paths, and the directory fd each is relative to (-1: the working directory).
        var firstPath: Int8 = -1
        var firstDirectory: Int8 = -1
        var secondPath: Int8 = -1
        var secondDirectory: Int8 = -1
    }

    private let entries: [Entry]
    private static let unknown = Entry()

    init() {
        var entries: [Entry] = []
        for call in ABI.calls {
            guard let number = call.numbers.x86_64 else { continue }
            while entries.count <= number { entries.append(Entry()) }
            var entry = Entry()
            entry.call = call
            entry.program = call.plain.capture.steps.isEmpty ? nil : call.plain.capture
            entry.isOpaque = call.isOpaque
            entry.hasVariants = !call.variants.isEmpty
            CallTable.findPaths(call.plain, &entry)
            for variant in call.variants where entry.firstPath < 0 { CallTable.findPaths(variant, &entry) }
            entry.traits = CallTable.traits(call.name)
            entries[number] = entry
        }
        self.entries = entries
    }

    subscript(number: UInt32) -> Entry {
        Int(number) < entries.count ? entries[Int(number)] : CallTable.unknown
    }

    private static func findPaths(_ variant: Variant, _ entry: inout Entry) {
        var directory: Int8 = -1
        for (index, argument) in variant.arguments.enumerated() {
            switch argument.type {
            case .scalar(let scalar):
                if case .dirfd = scalar.format { directory = Int8(index) }
            case .pointer(let direction, .cstring(true, _), _) where direction != .output:
                if entry.firstPath < 0 {
                    entry.firstPath = Int8(index)
                    entry.firstDirectory = directory
                } else if entry.secondPath < 0 {
                    entry.secondPath = Int8(index)
                    entry.secondDirectory = directory
                }
            default: break
            }
        }
    }

    private static func traits(_ name: String) -> Paths {
        switch name {
        case "execve", "execveat": [.execution, .movesDirectories]
        case "chdir", "fchdir", "close", "close_range", "dup2", "dup3", "rename", "renameat", "renameat2", "mount",
            "umount2", "move_mount", "io_uring_enter":
            .movesDirectories
        case "chroot", "pivot_root", "unshare", "setns", "clone", "clone3": [.movesDirectories, .changesRoot]
        case "connect", "bind": .socketAddress
        default: []
        }
    }
}
