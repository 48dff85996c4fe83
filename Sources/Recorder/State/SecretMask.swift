// Values of environment variables that look like secrets do not belong in a log that is passed around.

/// Decides which variables are masked, by name.
enum SecretMask {
    static let filler = UInt8(ascii: "*")
    private static let marks = [
        "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "KEY", "CREDENTIAL", "AUTH", "COOKIE", "SESSION_ID",
    ]
    .map { Array($0.utf8) }
    private static let author = Array("AUTHOR".utf8)
    private static let authorisation = Array("AUTHORI".utf8)

    /// The length of the name and its `=`, if `variable` (`NAME=value`) is to be masked. Runs for each variable of each exec.
    static func valueStart(_ variable: some Collection<UInt8>) -> Int? {
        guard let equals = variable.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let lower = UInt8(ascii: "a")...UInt8(ascii: "z")
        var name = variable[..<equals].map { lower.contains($0) ? $0 & ~0x20 : $0 }
        let start = name.count + 1
        // GIT_AUTHOR_NAME is no secret; AUTHORIZATION is.
        if position(of: authorisation, in: name) == nil {
            while let position = position(of: author, in: name) {
                name.removeSubrange(position..<(position + author.count))
            }
        }
        guard marks.contains(where: { position(of: $0, in: name) != nil }) else { return nil }
        return start
    }

    private static func position(of mark: [UInt8], in name: [UInt8]) -> Int? {
        guard name.count >= mark.count else { return nil }
        return (0...(name.count - mark.count)).first { start in
            name[start] == mark[0] && mark.indices.allSatisfy { name[start + $0] == mark[$0] }
        }
    }

    /// The variable with its value masked at the same length, and whether it was.
    static func masked(_ variable: String) -> (variable: String, isMasked: Bool) {
        guard let start = valueStart(Array(variable.utf8)) else { return (variable, false) }
        let bytes = variable.utf8.enumerated().map { $0.offset < start ? $0.element : filler }
        return (String(decoding: bytes, as: UTF8.self), true)
    }
}
