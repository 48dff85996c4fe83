// The canonical paths of directories that tasks hold open or work in, each kept once and named by a number.

/// Names directories by number; 0 is a directory of which the path is not known.
struct DirectoryNames: ~Copyable {
    private struct Name {
        /// nil: the path is no longer this directory's.
        var bytes: UnsafeMutablePointer<UInt8>?
        var count: Int
        var hash: PathHash
        var isNoted = false
    }

    private var names = [Name(bytes: nil, count: 0, hash: PathHash())]
    /// By the path's hash; `link` is the number.
    private var index = PathSet(capacity: 1 << 10)

    deinit { for name in names { name.bytes?.deallocate() } }

    /// The path (empty: the root) and its hash; nil if it is not known.
    func path(_ number: Int32) -> (bytes: UnsafeBufferPointer<UInt8>, hash: PathHash)? {
        let name = names[Int(number)]
        guard let bytes = name.bytes else { return nil }
        return (UnsafeBufferPointer(start: bytes, count: name.count), name.hash)
    }

    /// Whether this is the first time that somebody asks, to note the directory once.
    mutating func isFirstUse(_ number: Int32) -> Bool {
        defer { names[Int(number)].isNoted = true }
        return !names[Int(number)].isNoted
    }

    /// The number of a canonical path (empty: the root).
    mutating func number(_ path: UnsafeBufferPointer<UInt8>, _ hash: PathHash) -> Int32 {
        if let known = find(hash) { return known }
        // Its parents too: what is renamed is then found, if anything below it is held.
        var parents = PathHash()
        for (position, byte) in path.enumerated() {
            if byte == UInt8(ascii: "/"), find(parents) == nil {
                add(UnsafeBufferPointer(rebasing: path[..<position]), parents)
            }
            parents.add(byte)
        }
        return add(path, hash)
    }

    private func find(_ hash: PathHash) -> Int32? {
        guard let entry = index.find(hash.value), entry.link != 0 else { return nil }
        return Int32(entry.link)
    }

    @discardableResult
    private mutating func add(_ path: UnsafeBufferPointer<UInt8>, _ hash: PathHash) -> Int32 {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(path.count, 1))
        if let base = path.baseAddress { bytes.update(from: base, count: path.count) }
        let number = names.count
        names.append(Name(bytes: bytes, count: path.count, hash: hash))
        var entry = PathSet.Entry(key: hash.value)
        entry.kind = .directory
        entry.link = UInt32(number)
        index.insert(entry)
        return Int32(number)
    }

    /// What was at `path` has gone elsewhere: the names of it and of what is below it no longer hold.
    mutating func drop(_ path: UnsafeBufferPointer<UInt8>, _ hash: PathHash) {
        guard find(hash) != nil else { return }
        for number in 1..<names.count {
            let name = names[number]
            guard let bytes = name.bytes, name.count >= path.count else { continue }
            guard name.count == path.count || bytes[path.count] == UInt8(ascii: "/") else { continue }
            guard UnsafeBufferPointer(start: bytes, count: path.count).elementsEqual(path) else { continue }
            var entry = PathSet.Entry(key: name.hash.value)
            entry.kind = .directory
            index.insert(entry)
            bytes.deallocate()
            names[number].bytes = nil
        }
    }
}
