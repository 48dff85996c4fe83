// What a call uses, and which marks that carries: the basis of attribution.
import LinuxABI

/// A marked resource among a call's inputs.
struct MarkedInput: Hashable {
    var mark: Mark
    /// `fd 3`, `path /mnt/x`, `namespaces of the task`.
    var via: String
    /// The surroundings of the task, not a resource that the call names: weaker.
    var isAmbient: Bool
}

struct Inputs {
    var marked: [MarkedInput] = []

    mutating func add(_ mark: Mark?, _ via: @autoclosure () -> String, isAmbient: Bool = false) {
        guard let mark else { return }
        marked.append(MarkedInput(mark: mark, via: via(), isAmbient: isAmbient))
    }

    /// The mark that explains a divergence: resources the call names before surroundings, judged before unjudged,
    /// and the earliest root first.
    var explanation: MarkedInput? {
        marked.min {
            ($0.isAmbient ? 1 : 0, $0.mark, $0.via) < ($1.isAmbient ? 1 : 0, $1.mark, $1.via)
        }
    }
}

/// Marks on things that the recorded world has no object for.
struct MarkTable {
    /// Names and everything below them.
    var paths: [String: Mark] = [:]
    /// Ids of a name space.
    var ids: [Bijections.Scope: [UInt64: Mark]] = [:]
    /// Address ranges, by address space.
    var mappings: [UInt64: [(range: Range<UInt64>, mark: Mark)]] = [:]
    /// Bytes that a divergent call should have written, by address space.
    private(set) var memory: [UInt64: MarkedMemory] = [:]

    /// The earliest mark on the path or on a directory above it.
    func mark(onPath path: String) -> Mark? {
        guard !paths.isEmpty else { return nil }
        var best = paths[path]
        var directory = path
        while let slash = directory.lastIndex(of: "/") {
            directory = String(directory[..<slash])
            if let mark = paths[directory.isEmpty ? "/" : directory] { best = min(best ?? mark, mark) }
            if directory.isEmpty { break }
        }
        return best
    }

    func mark(at address: UInt64, in space: UInt64) -> Mark? {
        mappings[space]?.filter { $0.range.contains(address) }.map(\.mark).min()
    }

    mutating func mark(_ bytes: [UInt8], at address: UInt64, in space: UInt64, _ mark: Mark) {
        memory[space, default: MarkedMemory()].add(bytes, at: address, mark)
    }

    /// A copy of an address space has the same marks.
    mutating func copy(_ old: UInt64, to new: UInt64) {
        mappings[new] = mappings[old]
        memory[new] = memory[old]
    }

    /// Nobody lives in the address space any more.
    mutating func forget(_ space: UInt64) {
        if !mappings.isEmpty { mappings[space] = nil }
        if !memory.isEmpty { memory[space] = nil }
    }

    func mark(onInput chunks: [MemoryChunks.Chunk], in space: UInt64) -> Mark? {
        memory[space]?.mark(on: chunks)
    }
}

/// Bytes of one address space that calls should have written and did not.
struct MarkedMemory {
    private static let pageBits: UInt64 = 12
    /// Longest run of bytes that is kept: a page, so that an entry touches two pages at most.
    static let longest = 1 << 12

    private var entries: [UInt64: (bytes: [UInt8], mark: Mark)] = [:]
    private var pages: [UInt64: Set<UInt64>] = [:]

    mutating func add(_ bytes: [UInt8], at address: UInt64, _ mark: Mark) {
        let kept = Array(bytes.prefix(Self.longest))
        entries[address] = (kept, mark)
        pages[address >> Self.pageBits, default: []].insert(address)
    }

    /// The earliest mark on bytes that still are what the divergent call should have put there.
    ///
    /// The same address alone proves nothing (stacks are used again), nor do zeros.
    func mark(on chunks: [MemoryChunks.Chunk]) -> Mark? {
        var best: Mark?
        for chunk in chunks where !chunk.bytes.isEmpty {
            let first = chunk.address >> Self.pageBits
            let last = (chunk.address &+ UInt64(chunk.bytes.count - 1)) >> Self.pageBits
            guard first <= last else { continue }
            for page in (first == 0 ? 0 : first - 1)...last {
                for address in pages[page] ?? [] {
                    guard let entry = entries[address], Self.still(entry.bytes, address, chunk) else { continue }
                    best = min(best ?? entry.mark, entry.mark)
                }
            }
        }
        return best
    }

    private static func still(_ bytes: [UInt8], _ address: UInt64, _ chunk: MemoryChunks.Chunk) -> Bool {
        let low = max(chunk.address, address)
        let high = min(chunk.address &+ UInt64(chunk.bytes.count), address &+ UInt64(bytes.count))
        guard low < high, high - low >= 4 else { return false }
        let now = chunk.bytes[Int(low - chunk.address)..<Int(high - chunk.address)]
        let then = bytes[Int(low - address)..<Int(high - address)]
        return now == then && now.contains { $0 != 0 }
    }
}
