// What recorded calls do to names: make, remove, link, rename, list.
import Engine
import LinuxABI

extension RecordedFiles {
    func create(_ name: PathName, kind: Environment.File.Kind, mode: UInt32, call: UInt64) -> FileNode {
        proveDirectory(of: name, call: call)
        if name.state == nil { decide(name, .absent) }
        let node = makeNode(kind, initialPath: nil, createdBy: call)
        node.createdMode = mode
        if kind == .regular { node.truncate(to: 0) }
        node.isModified = true
        set(name, .node(node))
        parent(of: name)?.added.insert(lastComponent(name.text))
        return node
    }

    func remove(_ name: PathName, kind: Environment.File.Kind, call: UInt64) {
        if name.state == nil { _ = proveExists(name, kind: kind, call: call) }
        if let node = name.node { node.names -= 1 }
        set(name, .absent)
        forgetName(name)
    }

    func link(_ source: PathName, _ name: PathName, call: UInt64) {
        let node = proveExists(source, kind: .regular, call: call)
        proveDirectory(of: name, call: call)
        if name.state == nil { decide(name, .absent) }
        node.names += 1
        node.isModified = true
        set(name, .node(node))
        parent(of: name)?.added.insert(lastComponent(name.text))
    }

    func rename(_ source: PathName, _ target: PathName, exchange: Bool, call: UInt64) {
        guard source !== target else { return }
        let node = proveExists(source, kind: .regular, call: call)
        if exchange {
            let other = proveExists(target, kind: .regular, call: call)
            let (left, right) = (namesBelow(source), namesBelow(target))
            move(left, from: source, to: target)
            move(right, from: target, to: source)
            set(source, .node(other))
            set(target, .node(node))
            return
        }
        proveDirectory(of: target, call: call)
        if target.state == nil { decide(target, .absent) }
        if let old = target.node { old.names -= 1 }
        let below = node.kind == .directory ? namesBelow(source) : []
        for (name, _) in below { set(name, .absent) }
        move(below, from: source, to: target)
        set(source, .absent)
        set(target, .node(node))
        forgetName(source)
        parent(of: target)?.added.insert(lastComponent(target.text))
    }

    /// Says of everything below a directory that it follows from a divergence.
    func mark(below directory: PathName, _ mark: Mark) {
        for (_, state) in namesBelow(directory) {
            if case .node(let node) = state { node.mark = node.mark ?? mark }
        }
    }

    /// The complete names of a directory, as getdents gave them now.
    func list(_ node: FileNode, _ names: [String]) {
        guard node.listing == nil, node.initialPath != nil else { return }
        node.listing = names.filter { !node.added.contains($0) } + node.removed.sorted()
    }

    // MARK: - Inside

    private func forgetName(_ name: PathName) {
        guard let parent = parent(of: name) else { return }
        let name = lastComponent(name.text)
        if parent.added.remove(name) == nil { parent.removed.insert(name) }
    }

    private func move(_ moved: [(PathName, Name)], from source: PathName, to target: PathName) {
        for (name, state) in moved {
            set(self.name(target.text + name.text.dropFirst(source.text.count)), state)
        }
    }

    /// A name was made in it: the directory exists.
    private func proveDirectory(of name: PathName, call: UInt64) {
        guard let directory = directory(of: name), directory !== root, directory.state == nil else { return }
        _ = proveExists(directory, kind: .directory, call: call)
    }

    private func parent(of name: PathName) -> FileNode? {
        if let parent = name.parent { return parent.node }
        let path = name.text
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return node(slash == path.startIndex ? "/" : String(path[..<slash]))
    }

    /// What is before the last slash, whatever the path looks like.
    private func directory(of name: PathName) -> PathName? {
        if let parent = name.parent { return parent }
        let path = name.text
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return slash == path.startIndex ? root : self.name(String(path[..<slash]))
    }

    private func lastComponent(_ path: String) -> String {
        path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
    }
}
