// The engines by name: those built in, those of the user, and addresses.
import CEngineData
import FoundationEssentials
import Glibc

public enum EngineCatalog {
    /// The definitions that are part of lacuna, in the order of listings.
    public static let builtIn: [EngineDefinition] = (0..<CEngineData_count).map { index in
        let file = CEngineData_files[index]
        let text = String(decoding: UnsafeBufferPointer(start: file.bytes, count: file.size), as: UTF8.self)
        do throws(LaunchError) {
            return try EngineDefinition(yaml: text, file: String(cString: file.name) + ".yaml")
        } catch {
            preconditionFailure(error.description)
        }
    }

    /// Folder of the user's own definitions: `$XDG_CONFIG_HOME/lacuna/engines`.
    public static var userFolder: String {
        variable("XDG_CONFIG_HOME").map { "\($0)/lacuna/engines" }
            ?? "\(variable("HOME") ?? "/root")/.config/lacuna/engines"
    }

    /// What a user may have written after `--engine`: a name, the path of an engine.yaml, or `agent://unix:PATH`,
    /// `agent://tcp:HOST:PORT`, `agent://exec:COMMAND`.
    ///
    /// - Returns: nil if nothing goes by that name.
    public static func find(_ name: String) throws(LaunchError) -> EngineDefinition? {
        if name.hasPrefix("agent://") { return try address(name) }
        if let engine = builtIn.first(where: { $0.name == name }) { return engine }
        if name.contains("/") || name.hasSuffix(".yaml") { return try read(name) }
        let path = "\(userFolder)/\(name).yaml"
        guard !name.isEmpty, access(path, F_OK) == 0 else { return nil }
        return try read(path)
    }

    /// The user's own definitions. A broken one does not hide the others.
    public static func ofUser() -> [Result<EngineDefinition, LaunchError>] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: userFolder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { name in
            do throws(LaunchError) { return .success(try read("\(userFolder)/\(name)")) } catch {
                return .failure(error)
            }
        }
    }

    private static func read(_ path: String) throws(LaunchError) -> EngineDefinition {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw LaunchError(
                "\(path): \(String(cString: strerror(errno))); name an engine.yaml or one of 'lacuna engines'"
            )
        }
        // A pipe or a device would be read forever.
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= EngineDefinition.sizeLimit else {
            throw LaunchError(
                "\(path): is no engine definition: it must be a file of at most \(EngineDefinition.sizeLimit) bytes"
            )
        }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw LaunchError("\(path): cannot be read; check its permissions")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw LaunchError("\(path): is no engine definition: it is not UTF-8 text")
        }
        return try EngineDefinition(yaml: text, file: path)
    }

    private static func address(_ name: String) throws(LaunchError) -> EngineDefinition {
        let place = String(name.dropFirst("agent://".count))
        let summary = "an agent that runs already"
        if place.hasPrefix("exec:"), place.count > 5 {
            let command = String(place.dropFirst(5))
            return EngineDefinition(
                name: name,
                summary: "an agent behind '\(command)'",
                start: ["/bin/sh", "-c", command]
            )
        }
        if place.hasPrefix("unix:"), place.count > 5 {
            return EngineDefinition(name: name, summary: summary, connect: place)
        }
        if place.hasPrefix("tcp:"), place.split(separator: ":").count >= 3 {
            return EngineDefinition(name: name, summary: summary, connect: place)
        }
        throw LaunchError("\(name): give agent://unix:PATH, agent://tcp:HOST:PORT or agent://exec:COMMAND")
    }
}

func variable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
}
