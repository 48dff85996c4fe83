// All paths that were looked at: found by their components, without hashing whole texts.
import Glibc

/// Names by path. Plain absolute paths are a tree below the root; anything else stands beside it, by its text.
struct NameTree {
    private var root: PathName?
    /// No plain absolute paths, and the few that another name with the same hash hides.
    private var odd: [String: PathName] = [:]
    private(set) var count = 0
    var hasOdd: Bool { !odd.isEmpty }

    /// Whether the path is the root or has components apart by single slashes, behind a slash.
    static func isPlain(_ path: UnsafeBufferPointer<UInt8>) -> Bool {
        let slash = UInt8(ascii: "/")
        guard path.first == slash, path.count == 1 || path.last != slash else { return false }
        var isBehindSlash = false
        for byte in path {
            if byte == slash, isBehindSlash { return false }
            isBehindSlash = byte == slash
        }
        return true
    }

    /// The object of a path, if there is one.
    func find(_ path: String) -> PathName? {
        var path = path
        let found: PathName?? = path.withUTF8 { bytes in
            guard Self.isPlain(bytes) else { return nil }
            return .some(walk(bytes))
        }
        return found ?? odd[path]
    }

    private func walk(_ path: UnsafeBufferPointer<UInt8>) -> PathName? {
        guard var current = root else { return nil }
        let bytes = UnsafeRawBufferPointer(path)
        var start = 1
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "/") { end += 1 }
            if let child = current.child(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) {
                current = child
            } else if let hidden = hidden(String(decoding: bytes[..<end], as: UTF8.self)) {
                current = hidden
            } else {
                return nil
            }
            start = end + 1
        }
        return current
    }

    /// A name that does not stand below its directory.
    @inline(__always)
    func hidden(_ path: @autoclosure () -> String) -> PathName? { odd.isEmpty ? nil : odd[path()] }

    mutating func add(_ name: PathName) {
        count += 1
        if name.isPlain, name.parent == nil {
            root = name
        } else if !name.joinParent() {
            odd[name.text] = name
        }
    }

    /// Takes a name out; the root stays.
    mutating func take(_ path: String) -> PathName? {
        guard let name = find(path), name.parent != nil || !name.isPlain else { return nil }
        if !name.leaveParent() { odd[path] = nil }
        count -= 1
        return name
    }

    func visit(_ body: (PathName) -> Void) {
        if let root {
            body(root)
            root.visitBelow(body)
        }
        for name in odd.values {
            body(name)
            name.visitBelow(body)
        }
    }

    /// Everything whose path begins with that of a name and a slash.
    func visit(below name: PathName, _ body: (PathName) -> Void) {
        name.visitBelow(body)
        guard !odd.isEmpty else { return }
        let prefix = name.text + "/"
        for hidden in odd.values where hidden.text.hasPrefix(prefix) && hidden !== name {
            body(hidden)
            hidden.visitBelow(body)
        }
    }
}
