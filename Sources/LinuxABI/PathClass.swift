// Path classes: kernel interfaces that are reached through the file system.

/// A pattern of paths that is a cell of its own.
struct PathClass: Sendable {
    /// As written in the descriptions: `/proc/self/ns/*`.
    let pattern: String
    let family: Family
    private let components: [Substring]
    private let isDeep: Bool

    init(pattern: String, family: Family) {
        self.pattern = pattern
        self.family = family
        var parts = pattern.split(separator: "/", omittingEmptySubsequences: true)
        isDeep = parts.last == "**"
        if isDeep { parts.removeLast() }
        components = parts
    }

    /// Whether the components of an absolute path are of this class.
    func matches(_ path: [Substring]) -> Bool {
        guard isDeep ? path.count > components.count : path.count == components.count else { return false }
        for (index, component) in components.enumerated() {
            let part = path[index]
            if component == "self", index == 1, components[0] == "proc" {
                guard part == "self" || part == "thread-self" || part.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
                    return false
                }
            } else if !PathClass.matches(part[...], component) {
                return false
            }
        }
        return true
    }

    /// One component against a pattern with at most one `*`.
    private static func matches(_ part: Substring, _ pattern: Substring) -> Bool {
        guard let star = pattern.firstIndex(of: "*") else { return part == pattern }
        let (prefix, suffix) = (pattern[..<star], pattern[pattern.index(after: star)...])
        return part.count >= prefix.count + suffix.count && part.hasPrefix(prefix) && part.hasSuffix(suffix)
    }
}

extension Descriptions {
    /// The first class that an absolute path belongs to.
    func pathClass(of path: [UInt8]) -> PathClass? {
        guard path.first == UInt8(ascii: "/") else { return nil }
        let parts = String(decoding: path, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: true)
        return pathClasses.first { $0.matches(parts) }
    }
}
