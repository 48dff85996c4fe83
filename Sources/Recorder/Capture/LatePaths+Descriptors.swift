// Follows what completed calls do to descriptors and working directories.
import Glibc
import LinuxABI
import TraceLog

extension LateCallTable.Entry {
    /// Whether a lock-step call's path must be walked to know what it did.
    func needsWalk(_ call: LateCall) -> Bool {
        guard call.result >= 0 else { return false }
        switch effect {
        case .open, .openAt: return !mayCreate(call.arguments)
        case .openHow, .changeDirectory: return true
        default: return false
        }
    }

    private func flags(_ arguments: SyscallArguments) -> Int32 {
        Int32(truncatingIfNeeded: arguments[effect == .open ? 1 : 2])
    }

    /// Such an open gives no directory.
    private func mayCreate(_ arguments: SyscallArguments) -> Bool {
        flags(arguments) & (O_ACCMODE | O_CREAT) != 0
    }

    func wantsDirectory(_ arguments: SyscallArguments) -> Bool {
        switch effect {
        case .open, .openAt: flags(arguments) & O_DIRECTORY != 0
        case .openHow, .changeDirectory: true
        default: false
        }
    }
}

extension LatePaths {
    mutating func follow(
        _ call: LateCall,
        _ entry: LateCallTable.Entry,
        of task: LateTask,
        _ memory: borrowing some CallMemory,
        _ end: WalkEnd
    ) {
        func number(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: call.arguments[index]) }
        let result = Int32(truncatingIfNeeded: call.result)
        // A failed close has closed, unless there was nothing to close.
        guard call.result >= 0 || entry.effect == .close else { return }
        switch entry.effect {
        case .none: return
        case .openHow:
            // struct open_how: flags, mode, resolve. With RESOLVE_IN_ROOT paths do not begin where others do.
            let resolve = memory.withMemory(.input, at: call.arguments[2]) {
                $0.count >= 24 ? $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self) : UInt64.max
            }
            task.descriptors.set(result, (resolve ?? 0x10) & 0x10 == 0 ? directory(end, follows: true) : 0)
        case .open, .openAt:
            task.descriptors.set(result, directory(end, follows: entry.follows(call.arguments)))
        case .creat, .create: task.descriptors.set(result, 0)
        case .createSometimes: if calls.creates(call.number, call.arguments) { task.descriptors.set(result, 0) }
        case .createPair:
            let pair = memory.withMemory(.output, at: call.arguments[Int(entry.answerArgument)]) { bytes in
                bytes.count >= 8
                    ? (bytes.loadUnaligned(as: Int32.self), bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self))
                    : (-1, -1)
            }
            task.descriptors.set(pair?.0 ?? -1, 0)
            task.descriptors.set(pair?.1 ?? -1, 0)
        case .duplicate, .duplicateTo: task.descriptors.set(result, task.descriptors[number(0)])
        case .control:
            guard number(1) == F_DUPFD || number(1) == 1030 else { return }  // F_DUPFD_CLOEXEC
            task.descriptors.set(result, task.descriptors[number(0)])
        case .close: task.descriptors.set(number(0), 0)
        case .closeRange:
            let flags = call.arguments[2]
            if flags & 2 != 0 { task.unshare(.files) }  // CLOSE_RANGE_UNSHARE
            if flags & 4 != 0 { return }  // CLOSE_RANGE_CLOEXEC
            task.descriptors.close(
                UInt32(truncatingIfNeeded: call.arguments[0]),
                UInt32(truncatingIfNeeded: call.arguments[1])
            )
        case .changeDirectory: task.place.directory = directory(end, follows: true)
        case .changeDirectoryTo: task.place.directory = task.descriptors[number(0)]
        case .changeRoot: task.place.isElsewhere = true
        case .unshare: task.unshare(CloneFlags(rawValue: call.arguments[0]))
        case .joinNamespace:
            task.place.isElsewhere = true
            task.place.directory = 0
        case .rename, .renameAt: renamed(call, entry, of: task, memory)
        }
    }

    /// The number of the directory that a successful walk ended at; 0 if it is none, or not known.
    private mutating func directory(_ end: WalkEnd, follows: Bool) -> Int32 {
        guard end.kind == .directory, !end.isUncertain, follows || end.firstKind != .link else { return 0 }
        return directories.number(walker.path, walker.hash)
    }

    /// Descriptors keep their directory when it gets another name; names below it change with it.
    private mutating func renamed(
        _ call: LateCall,
        _ entry: LateCallTable.Entry,
        of task: LateTask,
        _ memory: borrowing some CallMemory
    ) {
        for (path, directory) in [
            (entry.firstPath, entry.firstDirectory), (entry.secondPath, entry.secondDirectory),
        ] {
            var evidence = PathEvidence(result: call.result)
            evidence.isNoFollow = true
            evidence.endsAtName = true
            evidence.wantsDirectory = true
            let end = walk(call, path, directory, evidence, of: task, memory, isNoting: false)
            if end.kind != .none { directories.drop(walker.path, walker.hash) }
        }
    }
}
