// One machine with its service, and the command lines that are run on it.
import ArgumentParser
import Engine
import Glibc
import PicoProvider
import Replay
import Report
import TraceLog

final class WslSession {
    enum Output { case text, steps, json }

    private(set) var hasDivergence = false
    private let manager: LxssManager
    private let state: WslState
    private let output: Output
    private let isElevated: Bool
    private var out = StandardOutput()

    init(build: Int, isElevated: Bool, output: Output) throws {
        state = try WslState()
        manager = LxssManager(build: build, registry: try state.load())
        self.output = output
        self.isElevated = isElevated
    }

    /// Command lines of a file, without blank ones and comments.
    static func lines(of path: String) throws(CommandFailure) -> [[String]] {
        guard let stream = fopen(path == "-" ? "/dev/stdin" : path, "re") else {
            throw CommandFailure("\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(stream) }
        var lines: [[String]] = []
        while let line = readLine(of: stream) {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            lines.append(first == "wsl" || first == "wsl.exe" ? Array(words.dropFirst()) : words)
        }
        return lines
    }

    private static func readLine(of stream: UnsafeMutablePointer<FILE>) -> String? {
        var buffer: UnsafeMutablePointer<CChar>?
        var size = 0
        defer { free(buffer) }
        guard getline(&buffer, &size, stream) >= 0, let buffer else { return nil }
        return String(cString: buffer).split(separator: "\n").first.map(String.init) ?? ""
    }

    func perform(_ words: [String]) throws {
        let request = try WslRequest(words)
        do {
            try perform(request)
        } catch let error as LxssError {
            throw CommandFailure(error.description)
        } catch let error as EngineFailure {
            throw CommandFailure("the engine broke: \(error.description)")
        }
        try out.flush()
    }

    private func perform(_ request: WslRequest) throws {
        switch request {
        case .list(let onlyRunning, let isQuiet, let isVerbose): try list(onlyRunning, isQuiet, isVerbose)
        case .status: try status()
        case .importing(let name, let folder):
            let root = try RootFolder(folder)
            try manager.registry.register(LxssDistribution(name: name, basePath: root.path))
            try state.save(manager.registry)
        case .unregister(let name):
            try manager.unregister(name)
            try state.save(manager.registry)
        case .setDefault(let name):
            try manager.registry.setDefault(name)
            try state.save(manager.registry)
        case .upgrade(let name):
            try manager.upgrade(name)
            try state.save(manager.registry)
        case .terminate(let name): try stopping { () throws(LxssError) in try manager.terminate(name) }
        case .shutdown: try stopping { () throws(LxssError) in try manager.shutdown() }
        case .logoff: try stopping { () throws(LxssError) in manager.logoff() }
        case .advance(let seconds):
            try stopping { () throws(LxssError) in manager.advance(by: UInt64(seconds) * 1_000_000_000) }
        case .run(let name, let user, let folder, let trace): try run(name, user, folder, trace)
        }
    }

    // MARK: - Instances

    private func start(_ name: String?) throws -> LxssInstance {
        try manager.start(name, isElevated: isElevated) { distribution throws(CommandFailure) in
            try RootFolder(distribution.basePath).files()
        }
    }

    private func run(_ name: String?, _ user: String?, _ folder: String?, _ file: String?) throws {
        let known = manager.running.count
        let instance = try start(name)
        if manager.running.count > known || file == nil { try show(instance, steps: instance.log) }
        guard let file else { return }
        let trace: Trace
        do throws(TraceError) { trace = try Trace.load(path: file) } catch { throw CommandFailure(error.description) }
        if let damage = trace.recovery.error { throw CommandFailure(damage.description) }
        let seen = instance.log.count
        try instance.check(user: user, folder: folder)
        let result = Replayer(trace: trace).run(on: instance.program(user: user, folder: folder))
        instance.programEnded()
        try show(instance.log.dropFirst(seen))
        if output == .json {
            try out.line(String(decoding: try result.canonicalJSON(), as: UTF8.self))
        } else {
            try out.line(ReplayReport(result, of: trace, style: Terminal.style).render(all: false))
        }
        if let failure = result.failure {
            throw CommandFailure("\(file): the engine broke at call \(failure.call): \(failure.reason)")
        }
        if result.counts.divergences > 0 { hasDivergence = true }
    }

    private func stopping(_ body: () throws(LxssError) -> Void) throws {
        let before = manager.log.count
        try body()
        try show(manager.log.dropFirst(before))
    }

    // MARK: - Showing

    private func show(_ instance: LxssInstance, steps: [LxssStep]) throws {
        guard output == .text else { return try show(steps[...]) }
        let calls = steps.filter { $0.actor == .initProcess && $0.text.contains("(") }
        let failed = calls.filter { $0.result.hasPrefix("E") && !$0.text.hasPrefix("access") }
        try out.line("\(instance.distribution.name) runs: \(calls.count) calls of /init, \(failed.count) failed")
        for step in failed { try out.line("  \(step.text) = \(step.result)") }
        for mount in instance.mounts { try out.line("  \(mount)") }
    }

    private func show(_ steps: ArraySlice<LxssStep>) throws {
        for step in steps {
            switch output {
            case .json:
                var line = JSONLine()
                line.add("type", "step")
                line.add("actor", step.actor.rawValue)
                line.add("text", step.text)
                line.add("result", step.result)
                line.add("source", step.source)
                line.add("documented", step.isDocumented)
                line.add("ntCalls", step.steps.count)
                try out.line(line.finished)
            case .steps:
                let result = step.result.isEmpty ? "" : " = \(step.result)"
                let mark = step.isDocumented ? " " : "?"
                try out.line("\(mark) \(step.actor.rawValue): \(step.text)\(result)  [\(step.source)]")
                for nt in step.steps {
                    let detail = nt.detail.isEmpty ? "" : " \(nt.detail)"
                    try out.line("      \(nt.name)\(detail) → \(nt.status)")
                }
            case .text:
                if step.actor == .service { try out.line(step.text) }
            }
        }
    }

    private func list(_ onlyRunning: Bool, _ isQuiet: Bool, _ isVerbose: Bool) throws {
        let running = Set(manager.running.map(\.distribution.guid))
        let shown = manager.registry.distributions.filter { !onlyRunning || running.contains($0.guid) }
        var table = TextTable([
            .init(title: " "), .init(title: "NAME"), .init(title: "STATE"), .init(title: "ROOT"),
            .init(title: "FOLDER", gives: true),
        ])
        for distribution in shown {
            let isDefault = distribution.guid == manager.registry.defaultGUID
            let state = running.contains(distribution.guid) ? "Running" : "Stopped"
            if output == .json {
                var line = JSONLine()
                line.add("type", "distribution")
                line.add("name", distribution.name)
                line.add("guid", distribution.guid)
                line.add("default", isDefault)
                line.add("state", state)
                line.add("root", "\(distribution.format)")
                line.add("folder", distribution.basePath)
                line.add("defaultUid", Int(distribution.defaultUserID))
                try out.line(line.finished)
            } else if isVerbose {
                table.rows.append([
                    .init(isDefault ? "*" : " "), .init(distribution.name), .init(state),
                    .init("\(distribution.format)"), .init(distribution.basePath),
                ])
            } else {
                try out.line(distribution.name + (isDefault && !isQuiet ? " (Default)" : ""))
            }
        }
        if isVerbose, output != .json { for line in table.lines(Terminal.style, indent: 0) { try out.line(line) } }
    }

    private func status() throws {
        let standard = manager.registry.standard
        if output == .json {
            var line = JSONLine()
            line.add("type", "status")
            line.add("default", standard?.name ?? "")
            line.add("distributions", manager.registry.distributions.count)
            line.add("folder", state.folder)
            return try out.line(line.finished)
        }
        try out.line("Default distribution: \(standard?.name ?? "none")")
        try out.line("Distributions are listed in \(state.folder)")
    }
}
