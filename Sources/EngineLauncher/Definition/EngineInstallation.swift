// Is an engine's program here, and which version of it.
import Glibc

/// What this host has of an engine.
public struct EngineInstallation: Sendable, Hashable, Codable {
    public var name: String
    public var summary: String
    public var isInstalled: Bool
    /// First line of what the engine says of itself; nil if it is not installed or says nothing.
    public var version: String?
    /// How to get it; nil if nothing is missing.
    public var hint: String?

    public init(name: String, summary: String, isInstalled: Bool, version: String?) {
        self.name = name
        self.summary = summary
        self.isInstalled = isInstalled
        self.version = version
    }

    public init(of definition: EngineDefinition) {
        name = definition.name
        summary = definition.summary
        let needed = definition.programs.isEmpty ? Array(definition.start.prefix(1)) : definition.programs
        let missing = needed.filter {
            $0 != "{program}" && !($0.hasPrefix("/") ? access($0, R_OK) == 0 : ProgramPath.find($0) != nil)
        }
        isInstalled = missing.isEmpty
        if !isInstalled {
            hint =
                definition.packages.isEmpty
                ? "there is no \(missing.joined(separator: ", ")) in PATH"
                : "apt-get install " + definition.packages.joined(separator: " ")
            return
        }
        guard !definition.version.isEmpty, let said = try? CommandOutput(definition.version, seconds: 5) else { return }
        let line = (said.output + said.errors).split(separator: UInt8(ascii: "\n")).first {
            $0.contains { $0 >= 0x30 && $0 <= 0x39 }
        }
        // Some draw their name in front of it.
        version = line.map { line in
            String(decoding: line, as: UTF8.self).split(separator: " ")
                .drop { !$0.contains { $0.isLetter || $0.isNumber } }.joined(separator: " ")
        }
    }
}

enum ProgramPath {
    /// The file that `name` runs, as a shell looks for it.
    static func find(_ name: String, path: String? = nil) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let folders = (path ?? variable("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        for folder in folders.split(separator: ":") {
            let file = "\(folder)/\(name)"
            var status = stat()
            if stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(file, X_OK) == 0 { return file }
        }
        return nil
    }
}
