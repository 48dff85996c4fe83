// What results tell of files without changing them: metadata, links, absence.
import Engine
import LinuxABI
import TraceLog

extension RecordedWorld {
    /// Takes in what a returned call tells of the files it names.
    func observe(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        if call.errno == Int64(Errno.ENOENT.rawValue) {
            observeAbsence(known, call, in: task)
            return
        }
        guard call.succeeded else { return }
        switch known {
        case .stat, .lstat, .newfstatat, .statx, .fstat:
            guard let status = FileStatus(decoding: call) else { return }
            if known == .fstat {
                guard let description = description(call.fd(0), in: task),
                    case .file(let node, let name) = description.kind
                else { return }
                files.observe(node, status, name, call: call.index)
            } else if let path = paths(call, in: task).first {
                let kind = FileNode.kind(mode: status.mode)
                let node = files.proveExists(path, kind: kind, status: status, call: call.index)
                files.observe(node, status, path, call: call.index)
            }
        case .access, .faccessat, .faccessat2, .statfs, .getxattr, .lgetxattr, .chdir, .listxattr, .llistxattr:
            guard let path = paths(call, in: task).first else { return }
            let node = files.proveExists(
                path,
                kind: known == .chdir ? .directory : .regular,
                call: call.index
            )
            if known == .getxattr || known == .lgetxattr, let name = call.input.path(call.word(1)), !node.isModified {
                let value = call.output.prefix(call.word(2), count: Int(clamping: call.record.result))
                // Size 0 asks for the length only.
                if call.word(3) != 0, node.extendedAttributes[name] == nil { node.extendedAttributes[name] = value }
            }
        case .readlink, .readlinkat:
            guard let path = paths(call, in: task).first, !path.isEngineServed else { return }
            let buffer = call.word(known == .readlink ? 1 : 2)
            let node = files.proveExists(path, kind: .symbolicLink, call: call.index)
            let target = call.output.prefix(buffer, count: Int(clamping: call.record.result))
            if node.linkTarget == nil {
                node.linkTarget = String(decoding: target, as: UTF8.self)
                files.linksChanged()
            }
        default: break
        }
    }

    /// ENOENT of a call that only looks means that the name is absent; others may miss something else.
    private func observeAbsence(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        switch known {
        case .open, .openat:
            let flags = call.word(known == .open ? 1 : 2)
            guard flags & Linux.openCreate == 0 else { return }
        case .stat, .lstat, .newfstatat, .statx, .access, .faccessat, .faccessat2, .readlink, .readlinkat, .unlink,
            .rmdir, .unlinkat, .chdir:
            break
        default: return
        }
        guard let path = paths(call, in: task).first, !path.isEngineServed else { return }
        files.proveAbsent(path, call: call.index)
    }
}
