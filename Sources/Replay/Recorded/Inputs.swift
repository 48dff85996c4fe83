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
    var memory: [UInt64: [(address: UInt64, bytes: [UInt8], mark: Mark)]] = [:]

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

    /// The mark on input bytes: they still are what the divergent call should have put there.
    ///
    /// The same address alone proves nothing (stacks are used again), nor do zeros.
    func mark(onInput chunks: [MemoryChunks.Chunk], in space: UInt64) -> Mark? {
        guard let marked = memory[space] else { return nil }
        var best: Mark?
        for entry in marked {
            let end = entry.address &+ UInt64(entry.bytes.count)
            for chunk in chunks {
                let low = max(chunk.address, entry.address)
                let high = min(chunk.address &+ UInt64(chunk.bytes.count), end)
                guard low < high, high - low >= 4 else { continue }
                let now = chunk.bytes[Int(low - chunk.address)..<Int(high - chunk.address)]
                let then = entry.bytes[Int(low - entry.address)..<Int(high - entry.address)]
                guard now == then, now.contains(where: { $0 != 0 }) else { continue }
                best = min(best ?? entry.mark, entry.mark)
            }
        }
        return best
    }

    var isEmpty: Bool { paths.isEmpty && ids.isEmpty && mappings.isEmpty && memory.isEmpty }
}
