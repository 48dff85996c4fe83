// The small values every room shares: architectures, task ids, argument words.

/// The calling convention a system call was made with.
public enum Architecture: UInt8, Sendable, Hashable, CaseIterable, Codable {
    case x86_64 = 0
    case arm64 = 1
    /// A 32-bit call (`int $0x80`) made by or inside an x86-64 process.
    case i386 = 2
    /// An x32 call (number with bit 30 set).
    case x32 = 3
}

/// A recorded task (thread), numbered from 0 in order of creation; never reused within a trace.
public struct TaskID: RawRepresentable, Hashable, Sendable, Comparable, Codable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(_ value: Int) { rawValue = UInt32(value) }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The six argument registers of a system call, in order.
public struct SyscallArguments: Hashable, Sendable {
    public var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    @inlinable
    public init(_ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0, _ e: UInt64 = 0, _ f: UInt64 = 0) {
        words = (a, b, c, d, e, f)
    }

    @inlinable
    public subscript(index: Int) -> UInt64 {
        get {
            switch index {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            case 3: words.3
            case 4: words.4
            default: words.5
            }
        }
        set {
            switch index {
            case 0: words.0 = newValue
            case 1: words.1 = newValue
            case 2: words.2 = newValue
            case 3: words.3 = newValue
            case 4: words.4 = newValue
            default: words.5 = newValue
            }
        }
    }

    public static func == (left: Self, right: Self) -> Bool {
        (0..<6).allSatisfy { left[$0] == right[$0] }
    }

    public func hash(into hasher: inout Hasher) {
        for index in 0..<6 { hasher.combine(self[index]) }
    }
}
