// SIDs, ACLs and security descriptors.

/// `SID`.
public struct SecurityIdentifier: Hashable, Sendable {
    public var authority: UInt64
    public var subAuthorities: [UInt32]

    public init(authority: UInt64, _ subAuthorities: [UInt32]) {
        self.authority = authority
        self.subAuthorities = subAuthorities
    }

    /// `S-1-1-0`.
    public static let everyone = SecurityIdentifier(authority: 1, [0])
    /// `S-1-5-18`.
    public static let localSystem = SecurityIdentifier(authority: 5, [18])
    /// `S-1-5-11`.
    public static let authenticatedUsers = SecurityIdentifier(authority: 5, [11])
    /// `S-1-5-32-544`.
    public static let administrators = SecurityIdentifier(authority: 5, [32, 544])
    /// `S-1-5-32-545`.
    public static let users = SecurityIdentifier(authority: 5, [32, 545])

    /// `S-1-5-32-544`.
    public var text: String { (["S-1", String(authority)] + subAuthorities.map(String.init)).joined(separator: "-") }
}

/// `ACCESS_ALLOWED_ACE` or `ACCESS_DENIED_ACE`.
public struct AccessControlEntry: Hashable, Sendable {
    public enum EntryType: Sendable { case allowed, denied }

    public var type: EntryType
    public var sid: SecurityIdentifier
    public var mask: AccessMask

    public init(_ type: EntryType, _ sid: SecurityIdentifier, _ mask: AccessMask) {
        self.type = type
        self.sid = sid
        self.mask = mask
    }
}

/// `SECURITY_DESCRIPTOR`.
public struct SecurityDescriptor: Hashable, Sendable {
    public var owner: SecurityIdentifier
    /// Nil: no DACL, everything is granted. Empty: nothing is.
    public var discretionaryACL: [AccessControlEntry]?

    public init(owner: SecurityIdentifier, discretionaryACL: [AccessControlEntry]?) {
        self.owner = owner
        self.discretionaryACL = discretionaryACL
    }
}
