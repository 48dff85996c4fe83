// The tag of a column: how its values were transformed and packed. docs/trace-format.md, "Columns".

/// First byte of a column. Bits 0-1 packing, bits 2-3 transform, bit 4: a base column follows.
struct ColumnTag {
    enum Packing: UInt8 {
        /// One varint that every row repeats.
        case constant = 0
        /// A varint per row.
        case varint = 1
        /// Sorted distinct values, then an index byte per row.
        case dictionary = 2
        /// Width w, then w planes: byte 0 of every row, byte 1 of every row …
        case planes = 3
    }
    enum Transform: UInt8 {
        case none = 0
        /// Difference to the row before.
        case previous = 1
        /// Difference to the row before of the same task.
        case sameTask = 2
    }

    var packing: Packing
    var transform: Transform
    var hasBase: Bool

    var byte: UInt8 { packing.rawValue | transform.rawValue << 2 | (hasBase ? 16 : 0) }

    init(packing: Packing, transform: Transform, hasBase: Bool) {
        self.packing = packing
        self.transform = transform
        self.hasBase = hasBase
    }

    init(byte: UInt8) throws(Malformed) {
        guard byte < 32, let packing = Packing(rawValue: byte & 3), let transform = Transform(rawValue: byte >> 2 & 3)
        else { throw Malformed("unknown column encoding \(byte)") }
        self.init(packing: packing, transform: transform, hasBase: byte & 16 != 0)
    }
}
