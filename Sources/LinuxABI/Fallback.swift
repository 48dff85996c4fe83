// What the usual callers do when a kernel refuses, where that is written down.

/// `fallback="TEXT"` of a description: for ENOSYS, or for the errno that the text begins with (`EINVAL: TEXT`).
public struct Fallback: Sendable, Hashable {
    /// The answer that callers are prepared for; another one means something else to them.
    public let errno: Errno
    /// What they do then, with its source.
    public let text: String

    init(_ written: String) {
        let parts = written.split(separator: ":", maxSplits: 1)
        if parts.count == 2, let named = Errno(name: String(parts[0])) {
            errno = named
            text = String(parts[1].drop { $0 == " " })
        } else {
            errno = .ENOSYS
            text = written
        }
    }
}

extension ABI {
    /// What callers do when a call answers `errno`: callers of that kernel file, sub-command or call.
    ///
    /// - Parameter cells: what the call exercised, or what of it is at fault.
    /// - Returns: nil if nothing is known.
    public static func fallback(_ call: String, _ cells: [Cell], for errno: Errno) -> String? {
        let selectors = Set(cells.map(\.selector))
        let paths = shared.pathClasses.lazy.filter { selectors.contains($0.pattern) }.compactMap(\.fallback)
        if let known = paths.first(where: { $0.errno == errno }) { return known.text }
        guard let description = ABI.call(named: call) else { return nil }
        let variant = description.variants.first { selectors.contains($0.name) } ?? description.plain
        guard let known = variant.fallback, known.errno == errno else { return nil }
        return known.text
    }

    /// Why callers end when a call is refused, by its description's name (`ioctl$TCGETS`); nil if nothing is known.
    public static func requirement(_ name: String) -> String? {
        let parts = name.split(separator: "$", maxSplits: 1)
        guard let first = parts.first, let description = ABI.call(named: String(first)) else { return nil }
        guard parts.count == 2 else { return description.plain.requirement }
        return description.variants.first { $0.name == parts[1] }?.requirement
    }
}
