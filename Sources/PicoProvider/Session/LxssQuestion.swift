// What becomes of a wsl.conf: an instance is started with it and asked. For checks.
import Engine

extension LxssManager {
    /// `SECTION.KEY=VALUE ... [legacy] [upgraded] QUESTION [ARGUMENT...]`, on an instance of a small distribution with root and one user.
    ///
    /// `legacy`: it was made before 1903; `upgraded`: `wsl --upgrade` came after that.
    ///
    /// | question | answer |
    /// | --- | --- |
    /// | `mount PATH` | the type of what is mounted there, or `none` |
    /// | `options PATH` | options of that mount |
    /// | `holds PATH TEXT` | whether the file has the text: `yes` or `no` |
    /// | `hostname`, `umask`, `user`, `path`, `interop`, `ignored` | the name; octal; the name of the default user; what is appended to PATH; `yes` or `no`; keys without meaning |
    /// | `after terminate`, `after shutdown`, `after logoff`, `after unregister`, `after 14s`, `after 15s`, `after plain-launch` | `runs`, `stopped`, or `refused` |
    static func ask(_ words: [String], build: Int) throws(EngineFailure) -> String {
        let settings = words.prefix { $0.contains("=") }
        let marks = words.dropFirst(settings.count).prefix { ["legacy", "upgraded"].contains($0) }
        let question = words.dropFirst(settings.count + marks.count).map { String($0) }
        let manager = LxssManager(build: build)
        let instance: LxssInstance
        do {
            var distribution = LxssDistribution(name: "checked", basePath: "/")
            if !marks.isEmpty { distribution.format = .lxfs }
            try manager.registry.register(distribution)
            if marks.contains("upgraded") { try manager.upgrade("checked") }
            instance = try manager.start("checked") { _ in files(Array(settings)) }
        } catch let error as EngineFailure {
            throw error
        } catch {
            throw EngineFailure("\(error)")
        }
        if question.first == "after", question.count == 2 { return try manager.stop(instance, question[1]) }
        return try instance.answer(question)
    }

    private func stop(_ instance: LxssInstance, _ how: String) throws(EngineFailure) -> String {
        do throws(LxssError) {
            switch how {
            case "terminate": try terminate("checked")
            case "shutdown": try shutdown()
            case "unregister": try unregister("checked")
            case "logoff": logoff()
            case "14s": advance(by: 14_000_000_000)
            case "15s": advance(by: 15_000_000_000)
            case "plain-launch":
                do { _ = try start("checked", isElevated: false) { _ in Self.files([]) } } catch {
                    throw LxssError("\(error)")
                }
            default: throw LxssError("an instance does not stop by \(how)")
            }
        } catch {
            return "refused"
        }
        return instance.isRunning ? "runs" : "stopped"
    }

    private static func files(_ settings: [String]) -> [Environment.File] {
        var conf = ""
        for setting in settings {
            let parts = setting.split(separator: ".", maxSplits: 1)
            if parts.count == 2 { conf += "[\(parts[0])]\n\(parts[1])\n" }
        }
        func file(_ path: String, _ text: String) -> Environment.File {
            var file = Environment.File(path: path, kind: .regular, mode: 0o644)
            file.content = [Environment.Extent(offset: 0, bytes: Array(text.utf8))]
            file.size = Int64(text.utf8.count)
            return file
        }
        func folder(_ path: String) -> Environment.File { Environment.File(path: path, kind: .directory, mode: 0o755) }
        return [
            folder("/etc"), file("/etc/fstab", "none /table tmpfs defaults 0 0\n"),
            file("/etc/hosts", "10.0.0.1 own\n"),
            file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"),
            file("/etc/resolv.conf", "nameserver 10.0.0.1\n"), file("/etc/wsl.conf", conf), folder("/home"),
            folder("/home/user"), folder("/root"),
        ]
    }
}

extension LxssInstance {
    fileprivate func answer(_ question: [String]) throws(EngineFailure) -> String {
        func word(_ index: Int) throws(EngineFailure) -> String {
            guard index < question.count else { throw EngineFailure("a question to an instance is cut") }
            return question[index]
        }
        switch try word(0) {
        case "mount": return mount(at: try word(1))?[2] ?? "none"
        case "options": return mount(at: try word(1))?[3] ?? "none"
        case "holds": return file(try word(1))?.contains(try word(2)) == true ? "yes" : "no"
        case "hostname": return file("/proc/sys/kernel/hostname")?.split(separator: "\n").first.map(String.init) ?? ""
        case "umask": return String(conf.umask, radix: 8)
        case "user": return try account(nil).name
        case "path": return windowsPath.isEmpty ? "none" : windowsPath.joined(separator: ":")
        case "interop": return conf.hasInterop ? "yes" : "no"
        case "ignored": return conf.ignored.isEmpty ? "none" : conf.ignored.joined(separator: " ")
        case let other: throw EngineFailure("an instance cannot be asked for \(other)")
        }
    }

    private func mount(at point: String) -> [String]? {
        mounts.map { $0.split(separator: " ").map(String.init) }.last { $0.count > 3 && $0[1] == point }
    }
}
