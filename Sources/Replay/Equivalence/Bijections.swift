// Names are compared up to renaming: one partial bijection per name space, with generations.
import LinuxABI

/// A partial one-to-one relation between recorded and engine names of one scope.
struct Bijection: Hashable {
    private(set) var forward: [UInt64: UInt64] = [:]
    private(set) var backward: [UInt64: UInt64] = [:]
    /// Pairs of unequal names alive: while there are none, nothing needs translation.
    private(set) var renamed = 0

    enum Relation: Hashable {
        case agrees
        /// The recorded name already stands for another engine name.
        case recordedBound(to: UInt64)
        /// The engine name already stands for another recorded name.
        case engineBound(to: UInt64)
    }

    /// How a pair fits what is bound; binds nothing.
    func relation(_ recorded: UInt64, _ engine: UInt64) -> Relation {
        if let bound = forward[recorded] { return bound == engine ? .agrees : .recordedBound(to: bound) }
        if let bound = backward[engine] { return .engineBound(to: bound) }
        return .agrees
    }

    /// First sight: binds an unbound pair.
    mutating func relate(_ recorded: UInt64, _ engine: UInt64) -> Relation {
        let relation = relation(recorded, engine)
        if relation == .agrees, forward[recorded] == nil { bind(recorded, engine) }
        return relation
    }

    /// A new thing has these names: the recorded name begins a new generation. A live engine name clashes.
    mutating func create(_ recorded: UInt64, _ engine: UInt64) -> Relation {
        unbind(recorded)
        return relate(recorded, engine)
    }

    /// Binds, whatever either name stood for.
    mutating func rebind(_ recorded: UInt64, _ engine: UInt64) {
        unbind(recorded)
        if let old = backward[engine] { unbind(old) }
        bind(recorded, engine)
    }

    /// The thing is gone; its names may be given again.
    mutating func unbind(_ recorded: UInt64) {
        guard let engine = forward.removeValue(forKey: recorded) else { return }
        backward[engine] = nil
        if engine != recorded { renamed -= 1 }
    }

    private mutating func bind(_ recorded: UInt64, _ engine: UInt64) {
        forward[recorded] = engine
        backward[engine] = recorded
        if engine != recorded { renamed += 1 }
    }
}

/// All name spaces of a replay.
final class Bijections {
    struct Scope: Hashable {
        var space: NameSpace
        /// A descriptor table, a pid namespace, a device …; 0 where the space is one.
        var id: UInt64

        init(_ space: NameSpace, _ id: UInt64 = 0) {
            self.space = space
            self.id = id
        }
    }

    private var scopes: [Scope: Bijection] = [:]
    /// Files that the recording made and whose inode numbers are bound, by the calls that made them.
    var filesSeen: Set<UInt64> = []
    /// The same, by listings.
    var filesListed: Set<UInt64> = []
    /// Address ranges whose engine addresses differ, by address space.
    private var shifts: [UInt64: [(range: Range<UInt64>, shift: UInt64)]] = [:]

    subscript(scope: Scope) -> Bijection {
        get { scopes[scope] ?? Bijection() }
        _modify { yield &scopes[scope, default: Bijection()] }
    }

    /// A table was copied (fork, unshare, exec): its names go with it.
    func inherit(_ space: NameSpace, from old: UInt64, to new: UInt64) {
        scopes[Scope(space, new)] = scopes[Scope(space, old)]
        if space == .address { shifts[new] = shifts[old] }
    }

    /// The engine's name for a recorded one; itself when unbound.
    func engineName(_ recorded: UInt64, _ scope: Scope) -> UInt64 {
        guard let bijection = scopes[scope], bijection.renamed > 0 else { return recorded }
        return bijection.forward[recorded] ?? recorded
    }

    func hasRenamed(_ scope: Scope) -> Bool { (scopes[scope]?.renamed ?? 0) > 0 }

    // MARK: - Addresses

    /// The engine's address for a recorded one.
    func engineAddress(_ recorded: UInt64, in space: UInt64) -> UInt64 {
        guard let list = shifts[space] else { return recorded }
        return list.first { $0.range.contains(recorded) }.map { recorded &+ $0.shift } ?? recorded
    }

    func hasShifts(in space: UInt64) -> Bool { shifts[space]?.isEmpty == false }

    /// A mapping was made at these addresses.
    func map(_ recorded: UInt64, length: UInt64, engine: UInt64, in space: UInt64) {
        unmap(recorded, length: length, in: space)
        guard engine != recorded, length > 0 else { return }
        shifts[space, default: []].append((recorded..<(recorded &+ length), engine &- recorded))
    }

    func unmap(_ recorded: UInt64, length: UInt64, in space: UInt64) {
        guard let list = shifts[space], !list.isEmpty, length > 0 else { return }
        let gone = recorded..<max(recorded &+ length, recorded)
        shifts[space] = list.flatMap { entry -> [(range: Range<UInt64>, shift: UInt64)] in
            guard entry.range.overlaps(gone) else { return [entry] }
            var rest: [(range: Range<UInt64>, shift: UInt64)] = []
            if entry.range.lowerBound < gone.lowerBound {
                rest.append((entry.range.lowerBound..<gone.lowerBound, entry.shift))
            }
            if gone.upperBound < entry.range.upperBound {
                rest.append((gone.upperBound..<entry.range.upperBound, entry.shift))
            }
            return rest
        }
    }
}
