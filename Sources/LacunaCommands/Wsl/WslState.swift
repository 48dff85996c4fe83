// The list of distributions between two commands: one file in lacuna's own folder.
import FoundationEssentials
import Glibc
import PicoProvider

struct WslState {
    let folder: String
    private var file: String { folder + "/registry.json" }

    /// `$XDG_STATE_HOME/lacuna/wsl`, by default below ~/.local/state.
    init() throws(CommandFailure) {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        guard let base = variable("XDG_STATE_HOME") ?? variable("HOME").map({ $0 + "/.local/state" }) else {
            throw CommandFailure("neither XDG_STATE_HOME nor HOME names a folder for the list of distributions")
        }
        folder = base + "/lacuna/wsl"
    }

    func load() throws(CommandFailure) -> LxssRegistry {
        guard let bytes = FileManager.default.contents(atPath: file) else { return LxssRegistry() }
        do { return try JSONDecoder().decode(LxssRegistry.self, from: bytes) } catch {
            throw CommandFailure("\(file): is no list of distributions; remove it and --import them again")
        }
    }

    func save(_ registry: LxssRegistry) throws(CommandFailure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try encoder.encode(registry).write(to: URL(filePath: file), options: .atomic)
        } catch {
            throw CommandFailure("\(file): the list of distributions cannot be written")
        }
    }
}
