// What recorded calls and the recorder tell of names, and what follows from it for time zero.
import Engine
import LinuxABI
import TraceLog

extension RecordedFiles {
    /// Takes in the recorder's lstat of a path, made before the call that touched it first.
    func learn(_ record: PathRecord) {
        let name = name(record.path)
        if let listed = name.node, listed.initialPath == record.path, listed.status == nil, record.absent == nil {
            // Known by its name in a listing only.
            learn(record.status, of: listed)
            listed.linkTarget = listed.linkTarget ?? record.linkTarget
            linksChanged()
        }
        guard name.state == nil else { return }
        if record.absent != nil {
            decide(name, .absent)
            return
        }
        let node = initialNode(name, status: record.status)
        learn(record.status, of: node)
        node.linkTarget = record.linkTarget
        if record.linkTarget != nil { linksChanged() }
        if !record.head.isEmpty, node.kind == .regular { _ = node.prove(record.head, at: 0) }
    }

    /// A call succeeded on `path`: it exists.
    func proveExists(
        _ name: PathName,
        kind: Environment.File.Kind,
        status: FileStatus? = nil,
        call: UInt64
    ) -> FileNode {
        if let node = name.node { return node }
        let wasAbsent = name.state != nil
        let node =
            wasAbsent
            ? makeNode(kind, initialPath: nil, createdBy: nil) : initialNode(name, status: status, kind: kind)
        if let status { learn(status, of: node) }
        if wasAbsent {
            set(name, .node(node))
            report(call, "\(name.text): absent, then there without a recorded call that made it", [], name, file: node)
        }
        return node
    }

    /// A call failed with ENOENT on `path`.
    func proveAbsent(_ name: PathName, call: UInt64) {
        switch name.state {
        case nil: decide(name, .absent)
        case .absent: break
        case .node:
            report(
                call,
                "\(name.text): existed, then gone without a recorded call that removed it",
                [.absent(path: name.text)],
                name
            )
            set(name, .absent)
        }
    }

    /// A stat call told of `node` by this name.
    func observe(_ node: FileNode, _ status: FileStatus, _ name: PathName, call: UInt64) {
        guard let known = node.status else {
            // A file that recorded calls have changed tells its present state, not that of time zero.
            learn(status, of: node)
            return
        }
        guard known.inode != 0, status.inode != 0, !name.isEngineServed else { return }
        if known.inode != status.inode, known.device == status.device {
            let fresh = makeNode(FileNode.kind(mode: status.mode), initialPath: nil, createdBy: nil)
            learn(status, of: fresh)
            set(name, .node(fresh))
            report(call, "\(name.text): replaced by another file without a recorded call", [], name, file: fresh)
        } else if !node.isModified, node.kind == .regular, known.size != status.size {
            learn(status, of: node)
            node.size = status.size
            report(
                call,
                "\(name.text): size \(known.size), then \(status.size) without a recorded write",
                [.file(node.file(at: name.text))],
                name
            )
        }
    }

    /// Content read contradicts content proven: somebody else wrote.
    func contradict(_ node: FileNode, _ name: PathName, bytes: [UInt8], at offset: Int64, call: UInt64) {
        node.overwrite(offset..<(offset + Int64(bytes.count)))
        report(
            call,
            "\(name.text): other content at \(offset) without a recorded write",
            [.content(path: name.text, offset: offset, bytes: bytes)],
            name
        )
    }

    // MARK: - Inside

    func decide(_ name: PathName, _ state: Name) {
        set(name, state)
        if keepsInitial, initial[name.text] == nil, isTimeZero(name) { initial[name.text] = state }
    }

    private func initialNode(
        _ name: PathName,
        status: FileStatus?,
        kind: Environment.File.Kind = .regular
    ) -> FileNode {
        let identity = status.flatMap { status -> FileIdentity? in
            // Directories have one name; a device or an engine's own file system may repeat numbers.
            guard status.links > 1, FileNode.kind(mode: status.mode) == .regular, status.inode != 0 else { return nil }
            return FileIdentity(device: status.device, inode: status.inode)
        }
        if let identity, let node = byIdentity[identity], node.names > 0 {
            node.names += 1
            decide(name, .node(node))
            return node
        }
        let isInitial = isTimeZero(name)
        let node = makeNode(
            status.map { FileNode.kind(mode: $0.mode) } ?? kind,
            initialPath: isInitial ? name.text : nil,
            createdBy: nil
        )
        if let identity { byIdentity[identity] = node }
        decide(name, .node(node))
        return node
    }

    /// Whether a name seen for the first time now has been so since time zero: no directory above it was made or moved.
    private func isTimeZero(_ name: PathName) -> Bool {
        if name.isPlain {
            var above = name.parent
            while let directory = above, directory.parent != nil {
                if wasMade(directory) { return false }
                above = directory.parent
            }
            return true
        }
        var path = name.text
        while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            path = String(path[..<slash])
            if let directory = names.find(path), wasMade(directory) { return false }
        }
        return true
    }

    private func wasMade(_ directory: PathName) -> Bool {
        guard let node = directory.node, node.kind == .directory else { return false }
        return node.initialPath != directory.text
    }

    private func report(
        _ call: UInt64,
        _ summary: String,
        _ grafts: [Graft],
        _ name: PathName,
        file node: FileNode? = nil
    ) {
        guard !name.isEngineServed else { return }
        openChanges.append(
            OpenChange(
                change: OutsideChange(beforeCall: call, summary: summary, grafts: grafts),
                file: node.map { ($0, name.text) }
            )
        )
    }
}
