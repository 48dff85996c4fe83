// Reads an engine.yaml, and says in one line what is wrong with one.
import LinuxABI
import Yams

extension EngineDefinition {
    /// The largest file that is read: a definition is ten lines.
    static let sizeLimit = 1 << 16

    /// - Parameters:
    ///   - yaml: the text of the file.
    ///   - file: its name, for messages.
    public init(yaml: String, file: String) throws(LaunchError) {
        guard yaml.utf8.count <= EngineDefinition.sizeLimit else {
            throw LaunchError("\(file): is no engine definition: larger than \(EngineDefinition.sizeLimit) bytes")
        }
        let node: Node?
        do { node = try Yams.compose(yaml: yaml) } catch { throw LaunchError("\(file): \(oneLine("\(error)"))") }
        guard let node, case .mapping(let mapping) = node else {
            throw LaunchError(
                "\(file): is no engine definition: it must be 'key: value' lines with at least name and start"
            )
        }
        let known = Set(CodingKeys.allCases.map(\.rawValue))
        for (key, value) in mapping {
            guard let text = key.string, known.contains(text) else {
                throw LaunchError(
                    "\(file): unknown key '\(key.string ?? "?")'; known are: \(CodingKeys.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            // An alias is expanded while decoding: nested ones would take all memory.
            guard isFlat(value) else { throw LaunchError("\(file): \(text): nested too deeply") }
        }
        do {
            self = try YAMLDecoder().decode(EngineDefinition.self, from: node)
        } catch let error as DecodingError {
            throw LaunchError("\(file): \(EngineDefinition.explained(error))")
        } catch {
            throw LaunchError("\(file): \(oneLine("\(error)"))")
        }
        if let problem { throw LaunchError("\(file): \(problem)") }
    }

    /// What no decoder can know.
    private var problem: String? {
        let letters = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        }
        if name.isEmpty || !letters { return "name: '\(name)': use small letters, digits, '-' and '.'" }
        if start.isEmpty == (connect == nil) {
            return "give either start (a command) or connect (unix:PATH, tcp:HOST:PORT)"
        }
        if let connect, !connect.hasPrefix("unix:"), !connect.hasPrefix("tcp:") {
            return "connect: '\(connect)': begin with unix: or tcp:"
        }
        if line == .stdio, connect == nil, bundle == nil, !start.contains("{program}"),
            files != .remote
        {
            return "start: one word must be \"{program}\", where the program to run goes"
        }
        if !replay.isEmpty, !replay.contains("{program}") || line != .stdio {
            return "replay: for engines with line stdio; one word must be \"{program}\""
        }
        if let unknown = namespaces.first(where: { ABI.constantIfKnown($0) == nil }) {
            return "namespaces: '\(unknown)': name flags of clone, like CLONE_NEWNS"
        }
        if let window, window < 1024 { return "window: \(window): give at least 1024 bytes, or leave it out" }
        if !(startTimeout > 0 && startTimeout <= 3600) {
            return "start-timeout: \(startTimeout): give 1 to 3600 seconds"
        }
        if processors < 1 || processors > 1024 { return "processors: \(processors): give 1 to 1024" }
        if ByteCount(memory) == nil { return "memory: '\(memory)': give a size like 512M or 4G" }
        if let disk, ByteCount(disk) == nil { return "disk: '\(disk)': give a size like 512M or 4G" }
        if let user, user.split(separator: ":").compactMap({ UInt32($0) }).count != 2 {
            return "user: '\(user)': give numbers as uid:gid"
        }
        return nil
    }

}

private func isFlat(_ node: Node) -> Bool {
    switch node {
    case .scalar: true
    case .sequence(let items): items.allSatisfy { if case .scalar = $0 { true } else { false } }
    default: false
    }
}

private func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
}

extension EngineDefinition {
    fileprivate static func explained(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? oneLine(context.debugDescription)
                : "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(oneLine(context.debugDescription))"
        @unknown default: oneLine("\(error)")
        }
    }
}

/// A size as people write it: 512M, 4GB, 1048576.
struct ByteCount: Hashable {
    var bytes: UInt64

    init?(_ text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits) else { return nil }
        let shift: UInt64? =
            switch text.dropFirst(digits.count).uppercased() {
            case "": 0
            case "K", "KB": 10
            case "M", "MB": 20
            case "G", "GB": 30
            case "T", "TB": 40
            default: nil
            }
        guard let shift, number <= UInt64.max >> shift else { return nil }
        bytes = number << shift
    }
}
