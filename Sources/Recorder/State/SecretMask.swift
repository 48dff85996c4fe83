// Values of environment variables that look like secrets do not belong in a log that is passed around.

/// Decides which variables are masked, by name.
enum SecretMask {
    static let filler = UInt8(ascii: "*")
    private static let marks = [
        "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "KEY", "CREDENTIAL", "AUTH", "COOKIE", "SESSION_ID",
    ]

    /// The length of the name and its `=`, if `variable` (`NAME=value`) is to be masked.
    static func valueStart(_ variable: some Collection<UInt8>) -> Int? {
        guard let equals = variable.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = String(decoding: variable[..<equals], as: UTF8.self).uppercased()
        // GIT_AUTHOR_NAME is no secret; AUTHORIZATION is.
        let judged = name.contains("AUTHORI") ? name : name.replacing("AUTHOR", with: "")
        guard marks.contains(where: judged.contains) else { return nil }
        return variable.distance(from: variable.startIndex, to: equals) + 1
    }

    /// The variable with its value masked at the same length, and whether it was.
    static func masked(_ variable: String) -> (variable: String, isMasked: Bool) {
        guard let start = valueStart(Array(variable.utf8)) else { return (variable, false) }
        let bytes = variable.utf8.enumerated().map { $0.offset < start ? $0.element : filler }
        return (String(decoding: bytes, as: UTF8.self), true)
    }
}
