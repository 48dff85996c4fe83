// Absolute paths as objects: looked up once, then compared and followed by identity.
import Glibc
import LinuxABI
import Tables

/// One absolute path of the recorded world, and what it names now. There is one object for each path.
final class PathName {
    let text: String
    /// What the name is now; nil while no call has told. Set through ``RecordedFiles`` only.
    var state: RecordedFiles.Name?
    /// It lies in a directory that the engine serves itself.
    let isEngineServed: Bool
    /// The directory it is in; nil for the root, and for what is no plain absolute path.
    let parent: PathName?
    /// Walks that start here may go by components.
    let isPlain: Bool
    /// The last component, and its hash.
    private let component: [UInt8]
    private let key: UInt64
    private var children = IntegerTable<PathName>()

    /// - Parameter component: the last component of `text`.
    init(_ text: String, in parent: PathName?, component: [UInt8], isEngineServed: Bool) {
        self.text = text
        self.parent = parent
        self.component = component
        self.isEngineServed = isEngineServed
        isPlain = parent != nil || text == "/"
        key = PathWalks.key(component[...])
    }

    /// Takes its place below its directory.
    ///
    /// - Returns: false when it has none, or another name with the same hash stands there.
    func joinParent() -> Bool {
        guard let parent, parent.children[key] == nil else { return false }
        parent.children[key] = self
        return true
    }

    /// - Returns: false when it did not stand there.
    func leaveParent() -> Bool {
        guard let parent, parent.children[key] === self else { return false }
        parent.children.remove(key)
        return true
    }

    var hasChildren: Bool { !children.isEmpty }

    /// The name of a component below this one, if it was looked at before.
    func child(_ name: ArraySlice<UInt8>) -> PathName? { name.withUnsafeBytes(child) }

    @inline(__always)
    func child(_ name: UnsafeRawBufferPointer) -> PathName? {
        guard let child = children[PathWalks.key(name)], PathWalks.equal(child.component, name) else { return nil }
        return child
    }

    /// Everything below it, each directory before what is in it.
    func visitBelow(_ body: (PathName) -> Void) {
        for (_, child) in children {
            body(child)
            child.visitBelow(body)
        }
    }

    var node: FileNode? {
        if case .node(let node) = state { return node }
        return nil
    }
}

/// The resolved path arguments of a call, in order; those that could not be resolved are left out.
struct PathNames {
    private(set) var first: PathName?
    private(set) var second: PathName?

    var count: Int { first == nil ? 0 : second == nil ? 1 : 2 }

    mutating func append(_ name: PathName?) {
        guard let name else { return }
        if first == nil { first = name } else { second = name }
    }

    @inline(__always)
    func visit(_ body: (PathName) -> Void) {
        if let first { body(first) }
        if let second { body(second) }
    }
}
