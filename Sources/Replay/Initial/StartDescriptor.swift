// What a descriptor that was open at time zero refers to.
import Engine
import TraceLog

enum StartDescriptor {
    /// By the link text of /proc/PID/fd/N and the file's type.
    static func target(_ descriptor: StartSnapshot.Descriptor) -> Environment.Descriptor.Target {
        let text = descriptor.target
        if descriptor.isTerminal { return .terminal(path: text) }
        if let id = number(text, after: "pipe:[") {
            return .pipe(id: id, writeEnd: UInt64(descriptor.flags) & Linux.accessModeMask == Linux.openWriteOnly)
        }
        if let id = number(text, after: "socket:[") { return .socket(id: id) }
        if text.hasPrefix("/") {
            return .file(path: text.hasSuffix(" (deleted)") ? String(text.dropLast(" (deleted)".count)) : text)
        }
        return .other(text)
    }

    private static func number(_ text: String, after prefix: String) -> UInt64? {
        guard text.hasPrefix(prefix), text.hasSuffix("]") else { return nil }
        return UInt64(text.dropFirst(prefix.count).dropLast())
    }
}
