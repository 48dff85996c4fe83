// The $I30 index of a directory.

/// `$FILE_NAME`: one name of a file in one directory.
public final class FileLink {
    public internal(set) var name: String
    /// The directory that holds the name; nil once the name is removed.
    public internal(set) weak var parent: FileControlBlock?
    public let file: FileControlBlock
    /// `FileDispositionInformation` without POSIX semantics: the name goes with the last handle.
    var isDeletePending = false

    init(name: String, parent: FileControlBlock, file: FileControlBlock) {
        self.name = name
        self.parent = parent
        self.file = file
    }
}

/// Names of one directory, looked up exactly or by upcase table, enumerated in collation order.
struct DirectoryIndex {
    private var exact: [FileName: FileLink] = [:]
    private var folded: [FileName: [FileLink]] = [:]
    private var sorted: [(key: String, link: FileLink)]?

    var count: Int { exact.count }
    var links: some Collection<FileLink> { exact.values }

    func lookup(_ name: Substring, caseSensitive: Bool) -> FileLink? {
        let text = String(name)
        if let link = exact[FileName(text: text)] { return link }
        return caseSensitive ? nil : folded[FileName(text: FileName.upcase(text))]?.first
    }

    mutating func insert(_ link: FileLink) {
        exact[FileName(text: link.name)] = link
        folded[FileName(text: FileName.upcase(link.name)), default: []].append(link)
        sorted = nil
    }

    mutating func remove(_ link: FileLink) {
        exact[FileName(text: link.name)] = nil
        let key = FileName(text: FileName.upcase(link.name))
        folded[key]?.removeAll { $0 === link }
        if folded[key]?.isEmpty == true { folded[key] = nil }
        sorted = nil
    }

    /// Two names differ only by case, so the directory must stay case-sensitive.
    var hasCaseDifferingNames: Bool { folded.values.contains { $0.count > 1 } }

    /// Collation key: upcased name, then the name itself.
    static func key(_ name: String) -> String { FileName.upcase(name) + "\0" + name }

    /// Links after `cursor` in collation order (all when nil).
    mutating func links(after cursor: String?) -> ArraySlice<(key: String, link: FileLink)> {
        let all = sorted ?? exact.values.map { (Self.key($0.name), $0) }.sorted { Self.precedes($0.0, $1.0) }
        sorted = all
        guard let cursor else { return all[...] }
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(cursor, all[middle].key) { high = middle } else { low = middle + 1 }
        }
        return all[low...]
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
