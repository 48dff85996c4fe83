// The $I30 index of a directory.
import Glibc

/// `$FILE_NAME`: one name of a file in one directory.
public final class FileLink {
    public internal(set) var name: String
    /// The directory that holds the name; nil once the name is removed, or the directory's record.
    public internal(set) unowned(unsafe) var parent: FileControlBlock?
    public let file: FileControlBlock
    /// `FileDispositionInformation` without POSIX semantics: the name goes with the last handle.
    var isDeletePending = false
    /// Of the name, while the index holds it.
    fileprivate(set) var hash: UInt64 = 0
    /// When it came into the index, among the others.
    fileprivate(set) var order: UInt64 = 0

    init(name: String, parent: FileControlBlock, file: FileControlBlock) {
        self.name = name
        self.parent = parent
        self.file = file
    }
}

/// Names of one directory, looked up exactly or by upcase table, enumerated in collation order.
struct DirectoryIndex {
    /// Open addressing by ``FileName/hash(_:)``, at most three quarters full.
    private var slots: ContiguousArray<FileLink?> = []
    private(set) var count = 0
    /// By upcased name, oldest first; made when somebody asks that way: directories of Linux never do.
    private var folded: [FileName: [FileLink]]?
    private var sorted: [(key: String, link: FileLink)]?
    private var inserted: UInt64 = 0

    var links: some Sequence<FileLink> { slots.lazy.compactMap { $0 } }

    mutating func lookup(_ name: String, caseSensitive: Bool) -> FileLink? {
        count > 0 ? lookup(name, FileName.hash(name), caseSensitive) : nil
    }

    mutating func lookup(_ name: PreparedName, caseSensitive: Bool) -> FileLink? {
        count > 0 ? lookup(name.text, name.hash, caseSensitive) : nil
    }

    private mutating func lookup(_ name: String, _ hash: UInt64, _ caseSensitive: Bool) -> FileLink? {
        if let link = slots[slot(name, hash)] { return link }
        return caseSensitive ? nil : foldedLinks()[FileName(text: FileName.upcase(name))]?.first
    }

    mutating func insert(_ link: FileLink) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        link.hash = FileName.hash(link.name)
        link.order = inserted
        inserted += 1
        let place = slot(link.name, link.hash)
        if slots[place] == nil { count += 1 }
        slots[place] = link
        if folded != nil { folded?[FileName(text: FileName.upcase(link.name)), default: []].append(link) }
        sorted = nil
    }

    mutating func remove(_ link: FileLink) {
        guard count > 0 else { return }
        let place = slot(link.name, link.hash)
        guard slots[place] === link else { return }
        empty(place)
        count -= 1
        if folded != nil {
            let key = FileName(text: FileName.upcase(link.name))
            folded?[key]?.removeAll { $0 === link }
            if folded?[key]?.isEmpty == true { folded?[key] = nil }
        }
        sorted = nil
    }

    /// Two names differ only by case, so the directory must stay case-sensitive.
    var hasCaseDifferingNames: Bool {
        mutating get { foldedLinks().values.contains { $0.count > 1 } }
    }

    private mutating func foldedLinks() -> [FileName: [FileLink]] {
        if let folded { return folded }
        let made = Dictionary(grouping: links.sorted { $0.order < $1.order }) {
            FileName(text: FileName.upcase($0.name))
        }
        folded = made
        return made
    }

    /// Where the name is, or the free slot where it belongs.
    private func slot(_ name: String, _ hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while let link = slots[slot], link.hash != hash || !FileName.areEqual(link.name, name) {
            slot = (slot + 1) & mask
        }
        return slot
    }

    /// Takes out what is there; what was pushed past it moves back.
    private mutating func empty(_ place: Int) {
        let mask = slots.count - 1
        var hole = place
        slots[hole] = nil
        var next = (hole + 1) & mask
        while let link = slots[next] {
            let wanted = Int(truncatingIfNeeded: link.hash) & mask
            if (next - wanted) & mask >= (next - hole) & mask {
                slots.swapAt(hole, next)
                hole = next
            }
            next = (next + 1) & mask
        }
    }

    private mutating func grow() {
        let old = slots
        slots = ContiguousArray(repeating: nil, count: max(4, old.count * 2))
        for case let link? in old { slots[slot(link.name, link.hash)] = link }
    }

    /// Collation key: upcased name, then the name itself.
    static func key(_ name: String) -> String { FileName.upcase(name) + "\0" + name }

    /// Links after `cursor` in collation order (all when nil).
    mutating func links(after cursor: String?) -> ArraySlice<(key: String, link: FileLink)> {
        let all = sorted ?? links.map { (Self.key($0.name), $0) }.sorted { Self.precedes($0.0, $1.0) }
        sorted = all
        guard let cursor, let last = all.last else { return all[...] }
        // Mostly everything was read.
        if !Self.precedes(cursor, last.key) { return all[all.count...] }
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(cursor, all[middle].key) { high = middle } else { low = middle + 1 }
        }
        return all[low...]
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        FileName.withBytes(left) { left in
            FileName.withBytes(right) { right in
                var order: Int32 = 0
                if let first = left.baseAddress, let second = right.baseAddress {
                    order = memcmp(first, second, min(left.count, right.count))
                }
                return order == 0 ? left.count < right.count : order < 0
            }
        }
    }
}
