// What an engineer can implement: a call with one selector.

/// Groups of cells, as scores show them.
public enum Family: String, CaseIterable, Sendable, Codable, Hashable {
    case namespaces, cgroups, mount, fs, memory, process, signals, timers, ipc, net, tty, security, aio, tracing, other
}

/// A call × selector: `unshare(CLONE_NEWUSER)`, `fcntl(F_OFD_SETLK)`, `open(/proc/self/ns/*)`, `getpid`.
public struct Cell: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    public var call: String
    /// A flag, sub-command, option, family, path class or file system type; several joined by `, `. Empty: the call.
    public var selector: String
    public var families: [Family]

    public init(call: String, selector: String = "", families: [Family] = []) {
        self.call = call
        self.selector = selector
        self.families = families
    }

    public var description: String { selector.isEmpty ? call : "\(call)(\(selector))" }

    public static func < (left: Self, right: Self) -> Bool {
        (left.call, left.selector) < (right.call, right.selector)
    }
}
