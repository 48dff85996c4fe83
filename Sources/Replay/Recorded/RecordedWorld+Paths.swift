// Paths: resolving them as the kernel did, and the calls that make, remove and change names.
import Engine
import LinuxABI
import TraceLog

/// Where a call's path arguments are. `nil` directory: relative to the working directory.
struct PathArgument {
    var directory: Int?
    var path: Int
    var follow: Bool
}

/// The path arguments of a call: none, one or two.
struct PathArguments {
    var first: PathArgument?
    var second: PathArgument?

    @inline(__always)
    func visit(_ body: (PathArgument) -> Void) {
        if let first { body(first) }
        if let second { body(second) }
    }
}

extension RecordedWorld {
    /// The absolute path that a name refers to, symbolic links followed as far as they are known.
    ///
    /// Nil when it is relative to a descriptor that is not known to be a directory.
    func resolve(_ name: ArraySlice<UInt8>, at directory: Int32, in task: TaskState, follow: Bool) -> PathName? {
        walkIsPrivate = true
        guard let base = base(isAbsolute: name.first == UInt8(ascii: "/"), directory, in: task) else { return nil }
        // What a walk finds depends on links alone, but for mounts, other roots and the task's own names in /proc.
        guard task.mounts.entries.isEmpty, task.directories.hasPlainRoot, !base.isEngineServed,
            !name.starts(with: Self.processDirectory)
        else { return walked(name, base, in: task, follow) }
        walkIsPrivate = false
        if let known = walks.answer(name, below: base, follow: follow, generation: files.linkGeneration) {
            return known.result
        }
        let result: PathName?
        switch descend(name, from: base, follow: follow) {
        case .name(let name): result = name
        case .loop: result = nil
        case .elsewhere: result = walked(name, base, in: task, follow)
        }
        if !walkIsPrivate { walks.keep(result, of: name, below: base, follow: follow) }
        return result
    }

    /// Where a walk begins.
    @inline(__always)
    private func base(isAbsolute: Bool, _ directory: Int32, in task: TaskState) -> PathName? {
        if isAbsolute { return task.directories.rootName(files) }
        if directory == Linux.atWorkingDirectory { return task.directories.workingName(files) }
        return description(directory, in: task)?.name(files)
    }

    private enum Descent {
        case name(PathName)
        /// Too many links.
        case loop
        /// Into what an engine serves itself, or from a place that is no plain path: as ``walk(_:from:in:follow:)`` has it.
        case elsewhere
    }

    /// A walk by components, for tasks without mounts of their own whose root is `/`.
    private func descend(_ name: ArraySlice<UInt8>, from base: PathName, follow: Bool) -> Descent {
        let slash = UInt8(ascii: "/")
        let dot = UInt8(ascii: ".")
        let root = files.root
        guard base.isPlain else { return .elsewhere }
        let followsLast = follow || name.last == slash
        var current = base
        var rest = name
        var links = 0
        while let start = rest.firstIndex(where: { $0 != slash }) {
            let end = rest[start...].firstIndex(of: slash) ?? rest.endIndex
            let component = rest[start..<end]
            rest = rest[end...]
            if component.count == 1, component.first == dot { continue }
            if component.count == 2, component.first == dot, component.last == dot {
                current = current.parent ?? current
                continue
            }
            let child = files.name(component, in: current)
            guard child.isPlain else { return .elsewhere }
            let isLast = !rest.contains { $0 != slash }
            guard !isLast || followsLast else { return .name(child) }
            if child.isEngineServed { return .elsewhere }
            guard let link = child.node, link.kind == .symbolicLink, let target = link.linkTarget else {
                current = child
                continue
            }
            links += 1
            // The kernel gives up after 40 links too (MAXSYMLINKS).
            guard links <= 40 else { return .loop }
            if target.utf8.first == slash { current = root }
            rest = (Array(target.utf8) + (isLast ? [] : rest))[...]
        }
        return .name(current)
    }

    private static let processDirectory = Array("/proc".utf8)

    private func walked(_ name: ArraySlice<UInt8>, _ base: PathName, in task: TaskState, _ follow: Bool) -> PathName? {
        walk(String(decoding: name, as: UTF8.self), from: base.text, in: task, follow: follow).map(files.name)
    }

    private func walk(_ name: String, from base: String, in task: TaskState, follow: Bool) -> String? {
        var done = base.split(separator: "/").map(String.init)
        var pending = name.split(separator: "/").map(String.init)
        pending.reverse()
        let floor = task.directories.root.split(separator: "/").count
        // The kernel gives up after 40 links too (MAXSYMLINKS).
        var links = 0
        while let component = pending.popLast() {
            if component == "." { continue }
            if component == ".." {
                if done.count > floor || !task.directories.root.isPrefix(ofComponents: done) { _ = done.popLast() }
                continue
            }
            done.append(component)
            guard !pending.isEmpty || follow || name.hasSuffix("/") else { break }
            let path = origin(done, in: task)
            if let target = descriptorLink(path, in: task) {
                done = target.split(separator: "/").map(String.init)
                continue
            }
            guard let link = files.node(path), link.kind == .symbolicLink, let target = link.linkTarget else {
                continue
            }
            links += 1
            guard links <= 40 else { return nil }
            if target.hasPrefix("/") {
                done = task.directories.root.split(separator: "/").map(String.init)
            } else {
                done.removeLast()
            }
            pending += target.split(separator: "/").map(String.init).reversed()
        }
        return origin(done, in: task)
    }

    private func origin(_ components: [String], in task: TaskState) -> String {
        let path = "/" + components.joined(separator: "/")
        return task.mounts.entries.isEmpty ? path : task.mounts.origin(of: path) ?? path
    }

    /// `/proc/self/fd/3` is whatever descriptor 3 refers to.
    private func descriptorLink(_ path: String, in task: TaskState) -> String? {
        guard path.hasPrefix("/proc/self/fd/") else { return nil }
        walkIsPrivate = true
        guard let fd = Int32(path.dropFirst("/proc/self/fd/".count)) else { return nil }
        return description(fd, in: task)?.path
    }

    func path(_ argument: PathArgument, _ call: RecordedCall, in task: TaskState) -> PathName? {
        let directory = argument.directory.map { call.fd($0) } ?? Linux.atWorkingDirectory
        let address = call.word(argument.path)
        let place = PathWalks.place(of: address, in: call.input)
        if let place,
            let known = walks.known(place, follow: argument.follow, generation: files.linkGeneration),
            task.mounts.entries.isEmpty, task.directories.hasPlainRoot,
            walks.begins(known, directory, in: task)
        {
            return walks.result(known)
        }
        guard let name = call.input.pathBytes(address) else { return nil }
        if name.isEmpty { return argument.directory == nil ? nil : description(directory, in: task)?.name(files) }
        let result = resolve(name, at: directory, in: task, follow: argument.follow)
        if let place, !walkIsPrivate,
            let base = base(isAbsolute: name.first == UInt8(ascii: "/"), directory, in: task),
            let bytes = call.input.chunks.last?.bytes
        {
            let generation = files.linkGeneration
            walks.keep(result, at: place, bytes, below: base, follow: argument.follow, generation: generation)
        }
        return result
    }

    // MARK: - Opening

    func applyOpen(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let flags: UInt64
        let mode: UInt64
        switch known {
        case .creat: (flags, mode) = (Linux.openCreate | Linux.openWriteOnly | Linux.openTruncate, call.word(1))
        case .openat: (flags, mode) = (call.word(2), call.word(3))
        case .openat2:
            flags = call.input.integer(call.word(2), count: 8) ?? 0
            mode = call.input.integer(call.word(2) + 8, count: 8) ?? 0
        default: (flags, mode) = (call.word(1), call.word(2))
        }
        let result = Int32(truncatingIfNeeded: call.record.result)
        let closeOnExec = flags & Linux.openCloseOnExec != 0
        guard let path = paths(call, in: task).first else {
            let unknown = OpenDescription(
                id: identity(),
                kind: .other("a file whose path is not known"),
                flags: flags,
                createdBy: call.index
            )
            install(unknown, result, closeOnExec: closeOnExec, in: task)
            return
        }
        let node: FileNode
        if flags & Linux.openTemporary == Linux.openTemporary {
            node = files.makeNode(.regular, initialPath: nil, createdBy: call.index)
        } else if flags & Linux.openCreate != 0, path.node == nil {
            node = files.create(
                path,
                kind: .regular,
                mode: UInt32(truncatingIfNeeded: mode) & ~task.directories.umask,
                call: call.index
            )
            effects.append(.madePath(path.text))
        } else {
            node = files.proveExists(path, kind: .regular, call: call.index)
            use(of: node.createdBy, by: call)
        }
        if flags & Linux.openTruncate != 0, flags & Linux.accessModeMask != 0, node.kind == .regular {
            node.truncate(to: 0)
        }
        let kind: OpenDescription.Kind = .file(node, path)
        let opened = OpenDescription(id: identity(), kind: kind, flags: flags, createdBy: call.index)
        install(opened, result, closeOnExec: closeOnExec, in: task)
    }

    // MARK: - Names

    func applyPaths(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let paths = paths(call, in: task)
        paths.visit { use(of: $0.node?.createdBy, by: call) }
        switch known {
        case .mkdir, .mkdirat: make(paths.first, .directory, mode: call.word(known == .mkdir ? 1 : 2), call, in: task)
        case .mknod, .mknodat:
            let mode = call.word(known == .mknod ? 1 : 2)
            make(paths.first, FileNode.kind(mode: UInt32(truncatingIfNeeded: mode)), mode: mode, call, in: task)
        case .symlink, .symlinkat:
            make(paths.first, .symbolicLink, mode: 0o777, call, in: task)
            if let node = paths.first?.node { node.linkTarget = call.input.path(call.word(0)) }
            files.linksChanged()
        case .rmdir: remove(paths.first, .directory, call)
        case .unlink: remove(paths.first, .regular, call)
        case .unlinkat:
            remove(paths.first, call.word(2) & Linux.atRemoveDirectory != 0 ? .directory : .regular, call)
        case .rename, .renameat, .renameat2:
            guard let source = paths.first, let target = paths.second else { return }
            let exchange = known == .renameat2 && call.word(4) & Linux.renameExchange != 0
            files.rename(source, target, exchange: exchange, call: call.index)
            effects +=
                exchange
                ? [.removedPath(source.text), .madePath(target.text)] : [.renamed(source.text, target.text)]
        case .link, .linkat:
            guard let source = paths.first, let target = paths.second else { return }
            files.link(source, target, call: call.index)
            effects.append(.madePath(target.text))
        case .truncate:
            change(paths.first) { $0.truncate(to: Int64(bitPattern: call.word(1))) }
        case .ftruncate:
            guard let node = description(call.fd(0), in: task)?.node else { return }
            node.truncate(to: Int64(bitPattern: call.word(1)))
            if let path = description(call.fd(0), in: task)?.path { effects.append(.changedPath(path)) }
        case .fallocate, .fchmod, .fchown, .fsetxattr, .fremovexattr:
            guard let description = description(call.fd(0), in: task) else { return }
            description.node?.isModified = true
            if let path = description.path { effects.append(.changedPath(path)) }
        case .chmod, .fchmodat, .fchmodat2:
            change(paths.first) {
                let mode = UInt32(truncatingIfNeeded: call.word(known == .chmod ? 1 : 2)) & 0o7777
                if var status = $0.status {
                    status.mode = status.mode & Linux.typeMask | mode
                    $0.status = status
                }
                $0.createdMode = mode
            }
        case .chown, .lchown, .fchownat, .setxattr, .lsetxattr, .removexattr, .lremovexattr, .utimensat, .utimes,
            .utime:
            change(paths.first) { _ in }
        default: break
        }
    }

    private func make(
        _ path: PathName?,
        _ kind: Environment.File.Kind,
        mode: UInt64,
        _ call: RecordedCall,
        in task: TaskState
    ) {
        guard let path else { return }
        let mode = UInt32(truncatingIfNeeded: mode) & 0o7777 & ~task.directories.umask
        _ = files.create(path, kind: kind, mode: mode, call: call.index)
        effects.append(.madePath(path.text))
    }

    private func remove(_ path: PathName?, _ kind: Environment.File.Kind, _ call: RecordedCall) {
        guard let path else { return }
        files.remove(path, kind: kind, call: call.index)
        effects.append(.removedPath(path.text))
    }

    private func change(_ path: PathName?, _ body: (FileNode) -> Void) {
        guard let path, let node = path.node else { return }
        body(node)
        node.isModified = true
        effects.append(.changedPath(path.text))
    }
}

extension String {
    /// Whether this absolute path is `components` or one of their ancestors.
    fileprivate func isPrefix(ofComponents components: [String]) -> Bool {
        let own = split(separator: "/")
        return own.count <= components.count && zip(own, components).allSatisfy { $0 == $1 }
    }
}
