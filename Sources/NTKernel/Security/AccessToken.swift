// Tokens and the access check.

/// `TOKEN`.
public final class AccessToken: KernelObject {
    public enum Privilege: String, Sendable {
        case backup = "SeBackupPrivilege"
        case restore = "SeRestorePrivilege"
        case createSymbolicLink = "SeCreateSymbolicLinkPrivilege"
        case assignPrimaryToken = "SeAssignPrimaryTokenPrivilege"
        case takeOwnership = "SeTakeOwnershipPrivilege"
    }

    public let user: SecurityIdentifier
    public let groups: Set<SecurityIdentifier>
    public let privileges: Set<Privilege>
    /// `TokenElevation`: the administrators group is enabled.
    public var isElevated: Bool { groups.contains(.administrators) }

    public init(user: SecurityIdentifier, groups: Set<SecurityIdentifier>, privileges: Set<Privilege> = []) {
        self.user = user
        self.groups = groups.union([.everyone, .authenticatedUsers])
        self.privileges = privileges
        super.init(type: .token)
    }

    /// The System process's token.
    public static var localSystem: AccessToken {
        AccessToken(
            user: .localSystem,
            groups: [.administrators],
            privileges: [.backup, .restore, .createSymbolicLink, .assignPrimaryToken, .takeOwnership]
        )
    }
}

extension NTExecutive {
    /// `SeAccessCheck`.
    ///
    /// Walks the DACL in order: a denied bit that is still wanted ends the check; what no entry allows is refused. The
    /// owner always has `READ_CONTROL` and `WRITE_DAC`.
    ///
    /// - Returns: `STATUS_ACCESS_DENIED`; `granted` is set on success.
    public func SeAccessCheck(
        _ descriptor: SecurityDescriptor?,
        token: AccessToken,
        desired: AccessMask,
        granted: inout AccessMask
    ) -> NTSTATUS {
        let wantsMaximum = desired.contains(.maximumAllowed)
        var wanted = desired.subtracting(.maximumAllowed)
        guard let descriptor, let entries = descriptor.discretionaryACL else {
            granted = wantsMaximum ? wanted.union(.fileAllAccess) : wanted
            return .STATUS_SUCCESS
        }
        var allowed: AccessMask = []
        if descriptor.owner == token.user { allowed.formUnion([.readControl, .writeDAC]) }
        if token.privileges.contains(.takeOwnership) { allowed.formUnion(.writeOwner) }
        var denied: AccessMask = []
        for entry in entries where entry.sid == token.user || token.groups.contains(entry.sid) {
            switch entry.type {
            case .allowed: allowed.formUnion(entry.mask.subtracting(denied))
            case .denied: denied.formUnion(entry.mask.subtracting(allowed))
            }
        }
        guard allowed.isSuperset(of: wanted) else { return trace("SeAccessCheck", .none, .STATUS_ACCESS_DENIED) }
        if wantsMaximum { wanted.formUnion(allowed) }
        granted = wanted
        return .STATUS_SUCCESS
    }
}
