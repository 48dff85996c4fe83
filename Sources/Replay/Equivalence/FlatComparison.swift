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
        for leaf in output.leaves {
            let (recorded, engine) = (Self.value(left, leaf), Self.value(right, leaf))
            switch leaf.kind {
            case .ignored: ignored += 1
            case .exact: if recorded != engine, !tell(leaf, output, recorded, engine) { return false }
            case .bytes:
                guard let one = left.baseAddress, let other = right.baseAddress,
                    memcmp(one + leaf.offset, other + leaf.offset, leaf.size) == 0
                else { return false }
            case .size:
                if let mode = output.mode, Self.isDirectory(left, mode), Self.isDirectory(right, mode) {
                    ignored += 1
                } else if recorded != engine, !tell(leaf, output, recorded, engine) {
                    return false
                }
            case .renamed:
                let creates = isNewFile && leaf.space == .inode
                guard agree(recorded, engine, leaf.space, device: device, creates: creates) else { return false }
            case .moment:
                let moment = output.moments[leaf.moment]
                let one = recorded &* moment.unit &+ Self.value(left, moment.fraction)
                let other = engine &* moment.unit &+ Self.value(right, moment.fraction)
                let key = order.key(moment.field, subject, generation: generation)
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

    /// A difference that was told before: the same ones are met again and again.
    private struct Told {
        var label: Int
        var recorded: Int64
        var engine: Int64
        /// The plans keep it.
        unowned(unsafe) var output: FlatLayout.Output
        var difference: Difference
    }
    private var told = [Told?](repeating: nil, count: 1 << 6)

    /// Whether it can be told that numbers differ.
    @inline(never)
    private func tell(
        _ leaf: FlatLayout.Leaf,
        _ output: FlatLayout.Output,
        _ recorded: Int64,
        _ engine: Int64
    ) -> Bool {
        guard leaf.label >= 0 else { return false }
        let key = (UInt64(bitPattern: recorded) &* 31 ^ UInt64(bitPattern: engine)) &* 31 ^ UInt64(leaf.label)
        let slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 58)
        if let known = told[slot], known.output === output, known.label == leaf.label, known.recorded == recorded,
            known.engine == engine
        {
            differences.append(known.difference)
            return true
        }
        let label = output.labels[leaf.label]
        let difference = Difference(
            field: label.path,
            rule: "exact",
            recorded: Self.printer.text(.scalar(recorded, label.format, .exact)),
            engine: Self.printer.text(.scalar(engine, label.format, .exact))
        )
        told[slot] = Told(
            label: leaf.label,
            recorded: recorded,
            engine: engine,
            output: output,
            difference: difference
        )
        differences.append(difference)
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
