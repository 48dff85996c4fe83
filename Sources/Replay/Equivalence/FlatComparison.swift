// Compares answers where they stand: most need no decoding, since every value has a fixed place.
import Engine
import Glibc
import LinuxABI

/// The comparison of one call after the other by its layout. Looks first and binds names at the end. Where anything but a
/// plain number differs, the decoded values are compared instead, which can say what it is.
final class FlatComparison {
    private let names: Bijections
    private let order: OrderKeeper
    private var scopes = NameScopes(descriptors: 0, pids: 0, addresses: 0)
    var generation: UInt64 = 0
    var isNewFile = false
    private(set) var ignored: UInt64 = 0
    /// Numbers that must be equal and are not.
    private(set) var differences: [Difference] = []
    private var relations: [(Bijection, UInt64, UInt64, creates: Bool)] = []
    private var readings: [(OrderKeeper.Key, Int64, Int64)] = []

    init(names: Bijections, order: OrderKeeper) {
        self.names = names
        self.order = order
    }

    /// Begins with another call.
    func begin(_ scopes: NameScopes) {
        self.scopes = scopes
        generation = 0
        isNewFile = false
        ignored = 0
        if !differences.isEmpty { differences = [] }
        while !relations.isEmpty { relations.removeLast() }
        while !readings.isEmpty { readings.removeLast() }
    }

    /// Binds the names and remembers the readings of a call that was compared to its end.
    func commit() {
        for (bijection, left, right, creates) in relations {
            _ = creates ? bijection.create(left, right) : bijection.relate(left, right)
        }
        for (key, left, right) in readings { order.remember(key, recorded: left, engine: right) }
    }

    func agree(_ layout: FlatLayout.Result, _ recorded: Int64, _ engine: Int64) -> Bool {
        switch layout {
        case .exact: recorded == engine
        // What number is the lowest free one is looked at where they differ.
        case .renamed(.fd, creates: true) where recorded != engine: false
        case .renamed(let space, let creates): agree(recorded, engine, space, device: 0, creates: creates)
        }
    }

    func agree(_ output: FlatLayout.Output, _ recorded: [UInt8], _ engine: [UInt8], subject: UInt64) -> Bool {
        recorded.withUnsafeBytes { left in
            engine.withUnsafeBytes { right in
                agree(output, left, right, subject)
            }
        }
    }

    private func agree(
        _ output: FlatLayout.Output,
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer,
        _ plainSubject: UInt64
    ) -> Bool {
        let device = output.device.map { UInt64(bitPattern: Self.value(left, $0)) } ?? 0
        let subject = output.inode.map { UInt64(bitPattern: Self.value(left, $0)) ^ generation << 40 } ?? plainSubject
        let leaves = output.leaves
        for position in 0..<leaves.count {
            let leaf = leaves[position]
            switch leaf.kind {
            case .ignored: ignored += 1
            case .exact:
                if leaf.size > 8 {
                    guard let one = left.baseAddress, let other = right.baseAddress,
                        memcmp(one + leaf.offset, other + leaf.offset, leaf.size) == 0
                    else { return false }
                } else if !equal(leaf, output, left, right) {
                    return false
                }
            case .size:
                if let mode = output.mode, Self.isDirectory(left, mode), Self.isDirectory(right, mode) {
                    ignored += 1
                } else if !equal(leaf, output, left, right) {
                    return false
                }
            case .renamed(let space):
                let creates = isNewFile && space == .inode
                guard agree(Self.value(left, leaf), Self.value(right, leaf), space, device: device, creates: creates)
                else { return false }
            case .moment(let fraction, let size, let unit, let field):
                let rest = FlatLayout.Leaf(offset: fraction, size: size, isSigned: size == 8, kind: .exact)
                let one = Self.value(left, leaf) &* unit &+ Self.value(left, rest)
                let other = Self.value(right, leaf) &* unit &+ Self.value(right, rest)
                let key = order.key(field, subject, generation: generation)
                switch order.fit(key, recorded: one, engine: other) {
                case .new: readings.append((key, one, other))
                case .known: break
                case .disordered: return false
                }
            }
        }
        return true
    }

    private static let printer = Printer(stringLimit: 64, listLimit: 8)

    /// Whether a number is equal, or its difference could be told.
    private func equal(
        _ leaf: FlatLayout.Leaf,
        _ output: FlatLayout.Output,
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        let (recorded, engine) = (Self.value(left, leaf), Self.value(right, leaf))
        if recorded == engine { return true }
        guard leaf.label >= 0 else { return false }
        let label = output.labels[leaf.label]
        differences.append(
            Difference(
                field: label.path,
                rule: "exact",
                recorded: Self.printer.text(.scalar(recorded, label.format, .exact)),
                engine: Self.printer.text(.scalar(engine, label.format, .exact))
            )
        )
        return true
    }

    private func agree(
        _ recorded: Int64,
        _ engine: Int64,
        _ space: NameSpace,
        device: UInt64,
        creates: Bool
    ) -> Bool {
        guard Comparison.isName(recorded, space), Comparison.isName(engine, space) else { return recorded == engine }
        let (left, right) = (UInt64(bitPattern: recorded), UInt64(bitPattern: engine))
        if space == .address {
            return right == (creates ? right & ~0xfff | left & 0xfff : names.engineAddress(left, in: scopes.addresses))
        }
        let bijection = names[scopes.scope(space, device: device)]
        if let bound = bijection.engine(left), bound == right { return true }
        if creates {
            if let other = bijection.recorded(right), other != left { return false }
        } else if bijection.engine(left) != nil || bijection.recorded(right) != nil {
            return false
        }
        relations.append((bijection, left, right, creates))
        return true
    }

    private static func isDirectory(_ bytes: UnsafeRawBufferPointer, _ mode: FlatLayout.Leaf) -> Bool {
        value(bytes, mode) & 0xf000 == 0x4000
    }

    @inline(__always)
    private static func value(_ bytes: UnsafeRawBufferPointer, _ leaf: FlatLayout.Leaf) -> Int64 {
        switch leaf.size {
        case 8: return bytes.loadUnaligned(fromByteOffset: leaf.offset, as: Int64.self)
        case 4:
            let word = bytes.loadUnaligned(fromByteOffset: leaf.offset, as: UInt32.self)
            return leaf.isSigned ? Int64(Int32(bitPattern: word)) : Int64(word)
        case 2:
            let word = bytes.loadUnaligned(fromByteOffset: leaf.offset, as: UInt16.self)
            return leaf.isSigned ? Int64(Int16(bitPattern: word)) : Int64(word)
        default:
            let byte = bytes[leaf.offset]
            return leaf.isSigned ? Int64(Int8(bitPattern: byte)) : Int64(byte)
        }
    }
}
