// keyctl: session keyrings as far as WSL 1 has them; key types, add_key and request_key are not there.
import Engine
import LinuxABI

/// A named keyring; it holds no keys.
final class LxKeyring {
    let serial: Int32
    let name: String
    var permissions: UInt32 = 0x3f13_0000
    let uid: UInt32
    let gid: UInt32

    init(serial: Int32, name: String, uid: UInt32, gid: UInt32) {
        self.serial = serial
        self.name = name
        self.uid = uid
        self.gid = gid
    }
}

private enum KeyCommand {
    static let identify = abiInt("KEYCTL_GET_KEYRING_ID")
    static let join = abiInt("KEYCTL_JOIN_SESSION_KEYRING")
    static let setPermissions = abiInt("KEYCTL_SETPERM")
    static let describe = abiInt("KEYCTL_DESCRIBE")
    /// KEY_SPEC_SESSION_KEYRING (man 2 keyctl).
    static let session: Int32 = -3
}

/// Operations that Microsoft's test exercises (UT:keymgmt.c); the others answer as KEYCTL_READ does (LTP:16251).
func LxpSyscall_KEYCTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    switch c.int(0) {
    case KeyCommand.join:
        guard c[1] != 0 else {
            throw .unsupported(.ENOSYS, note: "a session keyring without a name", source: "UT:keymgmt.c")
        }
        let name = try c.path(1).text
        let keyring = c.engine.keyrings.first { $0.name == name } ?? LxpMakeKeyring(c, name)
        c.group.sessionKeyring = keyring
        return Int64(keyring.serial)
    case KeyCommand.identify:
        guard c.int(1) == KeyCommand.session else {
            throw .unsupported(.ENOSYS, note: "only the session keyring is known", source: "UT:keymgmt.c")
        }
        if let keyring = c.group.sessionKeyring { return Int64(keyring.serial) }
        guard c.int(2) != 0 else { throw .errno(.ENOKEY) }
        let keyring = LxpMakeKeyring(c, "_ses")
        c.group.sessionKeyring = keyring
        return Int64(keyring.serial)
    case KeyCommand.setPermissions:
        let keyring = try LxpFindKeyring(c)
        guard c.credentials.euid == keyring.uid || c.credentials.has(.sysAdmin) else { throw .errno(.EACCES) }
        keyring.permissions = c.uint(2)
        return 0
    case KeyCommand.describe:
        let keyring = try LxpFindKeyring(c)
        var permissions = String(keyring.permissions, radix: 16)
        permissions = String(repeating: "0", count: 8 - permissions.count) + permissions
        let text = Array("keyring;\(keyring.uid);\(keyring.gid);\(permissions);\(keyring.name)".utf8) + [0]
        if c[2] != 0, c[3] >= UInt64(text.count) { try c.write(c[2], text) }
        return Int64(text.count)
    default:
        throw .unsupported(.ENOSYS, note: "keys of other kinds than session keyrings", source: "LTP:16251")
    }
}

private func LxpMakeKeyring(_ c: LxpCall, _ name: String) -> LxKeyring {
    let offered = c.offer(.keySerial).flatMap { Int32(exactly: $0) }
    let next = (c.engine.keyrings.map(\.serial).max() ?? 0x1000_0000) + 1
    let serial = offered.flatMap { wanted in c.engine.keyrings.contains { $0.serial == wanted } ? nil : wanted } ?? next
    let keyring = LxKeyring(serial: serial, name: name, uid: c.credentials.euid, gid: c.credentials.egid)
    c.engine.keyrings.append(keyring)
    return keyring
}

private func LxpFindKeyring(_ c: LxpCall) throws(LxFailure) -> LxKeyring {
    if c.int(1) == KeyCommand.session, let keyring = c.group.sessionKeyring { return keyring }
    guard let keyring = c.engine.keyrings.first(where: { $0.serial == c.int(1) }) else { throw .errno(.ENOKEY) }
    return keyring
}
