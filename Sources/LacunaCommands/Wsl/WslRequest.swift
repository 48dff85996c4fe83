// The words of wsl.exe as one request.
import ArgumentParser

enum WslRequest: Equatable {
    case list(onlyRunning: Bool, isQuiet: Bool, isVerbose: Bool)
    case status
    case importing(name: String, folder: String)
    case unregister(String)
    case setDefault(String)
    case upgrade(String)
    case terminate(String)
    case shutdown
    case logoff
    /// Seconds.
    case advance(Int)
    /// A nil distribution is the default one; a nil trace only starts the instance.
    case run(distribution: String?, user: String?, folder: String?, trace: String?)

    init(_ words: [String]) throws {
        var rest = words[...]
        func next(_ option: String, _ what: String) throws -> String {
            guard let word = rest.popFirst(), !word.hasPrefix("-") else {
                throw ValidationError("\(option) needs \(what)")
            }
            return word
        }
        var distribution: String?
        var user: String?
        var folder: String?
        var request: Self?
        while request == nil, let word = rest.popFirst() {
            switch word {
            case "--list", "-l":
                let flags = Set(rest)
                let known: Set = ["--running", "--quiet", "-q", "--verbose", "-v", "--all"]
                if let other = rest.first(where: { !known.contains($0) }) {
                    throw ValidationError("--list has no '\(other)'")
                }
                rest = []
                request = .list(
                    onlyRunning: flags.contains("--running"),
                    isQuiet: !flags.isDisjoint(with: ["--quiet", "-q"]),
                    isVerbose: !flags.isDisjoint(with: ["--verbose", "-v"])
                )
            case "--status": request = .status
            case "--import":
                request = .importing(name: try next(word, "NAME and FOLDER"), folder: try next(word, "NAME and FOLDER"))
            case "--unregister": request = .unregister(try next(word, "NAME"))
            case "--set-default", "-s": request = .setDefault(try next(word, "NAME"))
            case "--upgrade": request = .upgrade(try next(word, "NAME"))
            case "--terminate", "-t": request = .terminate(try next(word, "NAME"))
            case "--shutdown": request = .shutdown
            case "logoff": request = .logoff
            case "advance": request = .advance(try Self.seconds(try next(word, "a duration such as 20s")))
            case "--distribution", "-d": distribution = try next(word, "NAME")
            case "--user", "-u": user = try next(word, "NAME")
            case "--cd": folder = try next(word, "FOLDER")
            case "~": folder = "~"
            case "--exec", "-e", "--": break
            default:
                guard !word.hasPrefix("-") else {
                    throw ValidationError("wsl has no '\(word)' here; 'lacuna wsl --help' lists what it takes")
                }
                request = .run(distribution: distribution, user: user, folder: folder, trace: word)
            }
        }
        if let extra = rest.first { throw ValidationError("'\(extra)' is one word too many") }
        self = request ?? .run(distribution: distribution, user: user, folder: folder, trace: nil)
    }

    private static func seconds(_ word: String) throws -> Int {
        let scales = ["s": 1, "m": 60, "h": 3600]
        guard let unit = word.last, let scale = scales[String(unit)], let count = Int(word.dropLast()), count >= 0
        else {
            throw ValidationError("a duration is 20s, 5m or 1h")
        }
        return count * scale
    }
}
