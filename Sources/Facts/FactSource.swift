// The source tags of the fact files in words: corpora/facts/wsl1/README.md has them as a table.

public enum FactSource {
    private static let whole: [String: String] = [
        "INIT": "source of WSL's /init", "SRC": "source of the WSL service", "AI": "Alex Ionescu's lxss papers",
        "PICO": "lxmonika and pico-toolbox", "DEF": "exports of lxcore", "BUS": "WslReverse",
        "FSNOTES": "notes on the disk format, lxsstat", "inferred": "no source says so",
        "absent-from-list": "not in Microsoft's list of calls",
    ]

    /// `GH:1529;inferred errno` → `issue 1529 of github.com/microsoft/WSL; the errno: no source says so`.
    public static func words(_ source: String) -> String {
        source.split(separator: ";").map { tag in
            let tag = tag.drop { $0 == " " }
            if tag == "inferred errno" { return "the errno: no source says so" }
            let parts = tag.split(separator: ":", maxSplits: 1).map(String.init)
            guard let kind = parts.first else { return String(tag) }
            guard parts.count == 2 else { return whole[kind] ?? String(tag) }
            switch kind {
            case "GH": return "issue \(parts[1]) of github.com/microsoft/WSL"
            case "RN": return "release notes of build \(parts[1])"
            case "UT": return "Microsoft's own test \(parts[1])"
            case "LTP": return "Linux Test Project on build \(parts[1])"
            case "SYS": return "Microsoft's list of calls for build \(parts[1])"
            case "DOC": return "Microsoft's documentation, \(parts[1])"
            case "BLOG": return "the WSL blog, \(parts[1])"
            default: return whole[kind].map { "\($0): \(parts[1])" } ?? String(tag)
            }
        }.joined(separator: "; ")
    }
}
