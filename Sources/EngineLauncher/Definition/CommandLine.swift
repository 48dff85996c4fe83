// Fills a start command's placeholders.

struct CommandLine {
    var values: [String: String]
    /// The program that the engine is to run, and its arguments.
    var program: [String] = []

    /// The words with placeholders replaced; `{program}` becomes several, a word that becomes empty is left out.
    func words(_ template: [String]) throws(LaunchError) -> [String] {
        var words: [String] = []
        for word in template {
            if word == "{program}" {
                words += program
                continue
            }
            let filled = try fill(word)
            if filled.isEmpty, !word.isEmpty { continue }
            words.append(
                contentsOf: ["{swapDevice}", "{diskDrive}"].contains(word)
                    ? filled.split(separator: " ").map(String.init) : [filled]
            )
        }
        return words
    }

    func fill(_ word: String) throws(LaunchError) -> String {
        var result = ""
        var rest = word[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let name = String(rest[rest.index(after: open)..<close])
            result += rest[..<open]
            // Braces that hold no name are the command's own: those of a shell, say.
            if name.isEmpty || !name.allSatisfy(\.isLetter) {
                result += rest[open...close]
            } else if let value = values[name] {
                result += value
            } else {
                throw LaunchError(
                    "unknown placeholder {\(name)}; known are: program, \(values.keys.sorted().joined(separator: ", "))"
                )
            }
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }
}
