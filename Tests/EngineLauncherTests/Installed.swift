// Engines of this host, for tests that need one.
import EngineLauncher
import Foundation
import Testing

/// Whether an engine's package is here; tests that need it name it when they are skipped.
func isInstalled(_ name: String) -> Bool {
    (try? EngineCatalog.find(name)).flatMap { $0 }.map { EngineInstallation(of: $0).isInstalled } ?? false
}

func definition(_ name: String) throws -> EngineDefinition { try #require(try EngineCatalog.find(name)) }

/// Runs `body` with a folder that is removed after it.
func withFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lacuna-launch-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

/// Processes whose command line holds `text`.
func processes(holding text: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { pid in
        let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
        return String(decoding: line, as: UTF8.self).contains(text)
    }
}
