// What a call does beyond its arguments: paths that it changes, what it waits for, code in mappings.

/// Whether a call may change what a path names, or what is known of the file there. Who wants to know how things were
/// must look before the call runs.
public enum PathChange: Sendable, Hashable {
    case never
    case always
    /// Only if an argument has a bit of the mask.
    case whenFlags(argument: Int, mask: UInt64)

    /// Whether a call with these arguments may.
    @inlinable
    public func holds(_ words: SyscallArguments) -> Bool {
        switch self {
        case .never: false
        case .always: true
        case .whenFlags(let argument, let mask): words[argument] & mask != 0
        }
    }
}

/// What a call may wait for.
public enum Blocking: String, Sendable, Hashable, CaseIterable {
    case never
    /// Something else than the following: a lock, a signal, a time, room, a peer.
    case other
    /// What others write; a result of 0 is the end of it.
    case data
    /// One of several descriptors to have something; a result of 0 is the end of the time.
    case readiness
    /// A child to end or to stop.
    case child
}

/// What a call does to mappings, as far as code may be in them.
public enum CodeEffect: String, Sendable, Hashable, CaseIterable {
    case none
    /// Maps memory like mmap: address, length, protection, flags, descriptor.
    case maps
    /// Unmaps, moves or replaces the range of its first two arguments.
    case changes
    /// The same, and its third argument is the protection.
    case protects
    /// The same as `changes`; and like mremap, with MREMAP_FIXED, also the range at its fifth argument.
    case moves
}
