// Path classes: kernel interfaces that are reached through the file system.

/// A pattern of paths that is a cell of its own.
struct PathClass: Sendable {
    /// As written in the descriptions: `/proc/self/ns/*`.
    let pattern: String
    let family: Family
    /// What readers do without the file.
    let fallback: Fallback?
    private let components: [Substring]
    private let isDeep: Bool

    init(pattern: String, family: Family, fallback: Fallback? = nil) {
        self.pattern = pattern
        self.family = family
        self.fallback = fallback
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

extension PathClass {
    /// The first component as bytes; nil when it is a pattern itself.
    var firstComponent: [UInt8]? {
        guard let first = components.first, !first.utf8.contains(UInt8(ascii: "*")) else { return nil }
        return Array(first.utf8)
    }
}

extension Descriptions {
    /// The first class that an absolute path belongs to.
    func pathClass(of path: [UInt8]) -> PathClass? { pathClassIndex(of: path[...]).map { pathClasses[$0] } }

    /// Position of the first class that an absolute path belongs to.
    func pathClassIndex(of path: ArraySlice<UInt8>) -> Int? {
        let slash = UInt8(ascii: "/")
        guard path.first == slash, let start = path.firstIndex(where: { $0 != slash }) else { return nil }
        // Most paths begin like none of them.
        let first = path[start...].prefix { $0 != slash }
        guard pathClassRoots.contains(where: { $0.elementsEqual(first) }) || pathClassRoots.isEmpty else { return nil }
        let parts = String(decoding: path, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: true)
        return pathClasses.firstIndex { $0.matches(parts) }
    }
}

extension ABI {
    /// Position of the path class that an absolute path belongs to; nil if it is of none.
    public static func pathClass(of path: ArraySlice<UInt8>) -> Int? { shared.pathClassIndex(of: path) }
}
