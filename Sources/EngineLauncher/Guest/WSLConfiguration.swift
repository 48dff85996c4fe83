// The [wsl2] section of a .wslconfig.
import Glibc

/// What of a `.wslconfig` a machine can honour: https://learn.microsoft.com/windows/wsl/wsl-config.
public struct WSLConfiguration: Sendable, Hashable {
    public var memoryBytes: UInt64?
    public var processors: Int?
    public var swapBytes: UInt64?
    /// Path of a kernel image on this host.
    public var kernel: String?
    public var kernelCommandLine: String?
    /// Keys that were read and have no meaning here, in order.
    public var ignored: [String] = []

    public init() {}

    /// - Parameter file: its name, for messages.
    public init(_ text: String, file: String) throws(LaunchError) {
        var section = ""
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = trimmed(line.prefix { $0 != "#" && $0 != ";" })
            if line.isEmpty { continue }
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = trimmed(line.dropFirst().dropLast()).lowercased()
                continue
            }
            guard let equals = line.firstIndex(of: "=") else {
                throw LaunchError("\(file):\(index + 1): '\(line)' is neither [section] nor key=value")
            }
            let key = trimmed(line[..<equals])
            let value = trimmed(line[line.index(after: equals)...])
            guard section == "wsl2" else {
                ignored.append(section.isEmpty ? key : "\(section).\(key)")
                continue
            }
            func wrong(_ expected: String) -> LaunchError {
                LaunchError("\(file):\(index + 1): \(key): '\(value)' is not \(expected)")
            }
            switch key.lowercased() {
            case "memory":
                guard let size = ByteCount(value), size.bytes >= 64 << 20 else {
                    throw wrong("a size of at least 64MB, like 4GB")
                }
                memoryBytes = size.bytes
            case "processors":
                guard let count = Int(value), (1...256).contains(count) else { throw wrong("a number of 1 to 256") }
                processors = count
            case "swap":
                guard let size = ByteCount(value), size.bytes <= 1 << 40 else { throw wrong("a size like 2GB, or 0") }
                swapBytes = size.bytes
            case "kernel":
                kernel = value.split(separator: "\\\\", omittingEmptySubsequences: false).joined(separator: "/")
            case "kernelcommandline": kernelCommandLine = value
            default: ignored.append(key)
            }
        }
    }
}

extension WSLConfiguration {
    /// - Parameter path: nil: the user's `~/.wslconfig`, if there is one.
    public static func read(_ path: String?) throws(LaunchError) -> WSLConfiguration {
        let file = path ?? "\(variable("HOME") ?? "/root")/.wslconfig"
        if path == nil, access(file, F_OK) != 0 { return WSLConfiguration() }
        guard let text = String(validating: try HostFile.bytes(file), as: UTF8.self) else {
            throw LaunchError("\(file): is not UTF-8 text")
        }
        return try WSLConfiguration(text, file: file)
    }
}

private func trimmed(_ text: some StringProtocol) -> String {
    let start = text.drop { $0.isWhitespace }
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
}
