// Names are compared up to renaming: one partial bijection per name space, with generations.
import LinuxABI
import Tables

/// Name spaces in which any name ever had another on the engine, by their ordinals.
final class RenamedSpaces {
    fileprivate(set) var mask: UInt64 = 0
}

extension NameSpace {
    /// A small number for each.
    var ordinal: UInt64 {
        switch self {
        case .fd: 0
        case .pid: 1
        case .address: 2
        case .inode: 3
        case .device: 4
        case .sysv: 5
        case .timer: 6
        case .watch: 7
        case .key: 8
        case .mount: 9
        case .port: 10
        case .ns: 11
        }
    }
}

/// A partial one-to-one relation between recorded and engine names of one scope.
final class Bijection {
    private var forward = IntegerTable<UInt64>()
    private var backward = IntegerTable<UInt64>()
    /// Pairs of unequal names alive: while there are none, nothing needs translation.
    private(set) var renamed = 0
    private let spaces: RenamedSpaces
    private let space: NameSpace

    init(_ space: NameSpace = .pid, _ spaces: RenamedSpaces = RenamedSpaces()) {
        self.space = space
        self.spaces = spaces
    }

    enum Relation: Hashable {
        case agrees
        /// The recorded name already stands for another engine name.
        case recordedBound(to: UInt64)
        /// The engine name already stands for another recorded name.
        case engineBound(to: UInt64)
    }

    /// What the recorded name stands for on the engine; nil when it is not bound.
    func engine(_ recorded: UInt64) -> UInt64? { forward[recorded] }

    /// The recorded name that this one of the engine's stands for.
    func recorded(_ engine: UInt64) -> UInt64? { backward[engine] }

    /// How a pair fits what is bound; binds nothing.
    func relation(_ recorded: UInt64, _ engine: UInt64) -> Relation {
        if let bound = forward[recorded] { return bound == engine ? .agrees : .recordedBound(to: bound) }
        if let bound = backward[engine] { return .engineBound(to: bound) }
        return .agrees
    }

    /// First sight: binds an unbound pair.
    func relate(_ recorded: UInt64, _ engine: UInt64) -> Relation {
        if let bound = forward[recorded] { return bound == engine ? .agrees : .recordedBound(to: bound) }
        if let bound = backward[engine] { return .engineBound(to: bound) }
        bind(recorded, engine)
        return .agrees
    }

    /// A new thing has these names: the recorded name begins a new generation. A live engine name clashes.
    func create(_ recorded: UInt64, _ engine: UInt64) -> Relation {
        if let bound = forward[recorded] {
            if bound == engine { return .agrees }
            unbind(recorded)
        }
        return relate(recorded, engine)
    }

    /// Binds, whatever either name stood for.
    func rebind(_ recorded: UInt64, _ engine: UInt64) {
        unbind(recorded)
        if let old = backward[engine] { unbind(old) }
        bind(recorded, engine)
    }

    /// The thing is gone; its names may be given again.
    func unbind(_ recorded: UInt64) {
        guard let engine = forward.remove(recorded) else { return }
        backward.remove(engine)
        if engine != recorded { renamed -= 1 }
    }

    private func bind(_ recorded: UInt64, _ engine: UInt64) {
        forward[recorded] = engine
        backward[engine] = recorded
        guard engine != recorded else { return }
        renamed += 1
        spaces.mask |= 1 << space.ordinal
    }

    func copy() -> Bijection {
        let copy = Bijection(space, spaces)
        copy.forward = forward
        copy.backward = backward
        copy.renamed = renamed
        return copy
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

    /// By space and id: few ids of a space have high bits.
    private var scopes = IntegerTable<[(id: UInt64, names: Bijection)]>()
    /// Files that the recording made and whose inode numbers are bound, by the calls that made them.
    var filesSeen = IntegerSet()
    /// The same, by listings.
    var filesListed = IntegerSet()
    /// Address ranges whose engine addresses differ, by address space.
    private var shifts: [UInt64: [(range: Range<UInt64>, shift: UInt64)]] = [:]

    /// The scope of each space that was asked for last.
    private var recent = [(id: UInt64, names: Bijection)?](repeating: nil, count: 1 << 4)
    private let spaces = RenamedSpaces()
    /// Spaces in which any name ever had another on the engine, by their ordinals.
    var renamedSpaces: UInt64 { spaces.mask }

    private static func key(_ scope: Scope) -> UInt64 { scope.id << 4 | scope.space.ordinal }

    @inline(__always)
    private func known(_ scope: Scope) -> Bijection? {
        if let recent = recent[Int(scope.space.ordinal)], recent.id == scope.id { return recent.names }
        return find(scope)
    }

    private func find(_ scope: Scope) -> Bijection? {
        guard let found = scopes[Self.key(scope)]?.first(where: { $0.id == scope.id }) else { return nil }
        recent[Int(scope.space.ordinal)] = found
        return found.names
    }

    subscript(scope: Scope) -> Bijection {
        if let known = known(scope) { return known }
        let made = Bijection(scope.space, spaces)
        scopes[Self.key(scope), default: []].append((scope.id, made))
        return made
    }

    /// A table was copied (fork, unshare, exec): its names go with it.
    func inherit(_ space: NameSpace, from old: UInt64, to new: UInt64) {
        if let names = known(Scope(space, old)) { scopes[Self.key(Scope(space, new))] = [(new, names.copy())] }
        recent[Int(space.ordinal)] = nil
        if space == .address, let old = shifts[old] { shifts[new] = old }
    }

    /// Nobody has the table or address space any more.
    func forget(_ space: NameSpace, _ id: UInt64) {
        scopes.remove(Self.key(Scope(space, id)))
        recent[Int(space.ordinal)] = nil
        if space == .address { shifts[id] = nil }
    }

    /// Nothing refers to the file any more that this call made.
    func forgetFile(madeBy call: UInt64) {
        filesSeen.remove(call)
        if !filesListed.isEmpty { filesListed.remove(call) }
    }

    /// Scopes that have names.
    var count: Int { scopes.count }

    /// The engine's name for a recorded one; itself when unbound.
    func engineName(_ recorded: UInt64, _ scope: Scope) -> UInt64 {
        guard let bijection = known(scope), bijection.renamed > 0 else { return recorded }
        return bijection.engine(recorded) ?? recorded
    }

    func hasRenamed(_ scope: Scope) -> Bool { (known(scope)?.renamed ?? 0) > 0 }

    // MARK: - Addresses

    /// The engine's address for a recorded one.
    func engineAddress(_ recorded: UInt64, in space: UInt64) -> UInt64 {
        guard !shifts.isEmpty, let list = shifts[space] else { return recorded }
        return list.first { $0.range.contains(recorded) }.map { recorded &+ $0.shift } ?? recorded
    }

    func hasShifts(in space: UInt64) -> Bool { !shifts.isEmpty && shifts[space]?.isEmpty == false }

    /// A mapping was made at these addresses.
    func map(_ recorded: UInt64, length: UInt64, engine: UInt64, in space: UInt64) {
        unmap(recorded, length: length, in: space)
        guard engine != recorded, length > 0 else { return }
        spaces.mask |= 1 << NameSpace.address.ordinal
        shifts[space, default: []].append((recorded..<(recorded &+ length), engine &- recorded))
    }

    func unmap(_ recorded: UInt64, length: UInt64, in space: UInt64) {
        guard !shifts.isEmpty, let list = shifts[space], !list.isEmpty, length > 0 else { return }
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
