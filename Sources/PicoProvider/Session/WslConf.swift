// /etc/wsl.conf: what a distribution says about its start (DOC:wsl-config.md), read since 17093.

/// The keys that have a meaning on WSL 1, with their defaults.
struct WslConf: Equatable {
    // [automount]
    var mountsDrives = true
    var mountsFstab = true
    var root = "/mnt/"
    var options = ""
    var mountsCgroups = true
    // [network]
    var generatesHosts = true
    var generatesResolvConf = true
    var hostname: String?
    // [interop]
    var hasInterop = true
    var appendsWindowsPath = true
    // [user]
    var defaultUser: String?
    // [filesystem]
    var umask: UInt32 = 0o022
    /// Keys that are known and do nothing on this build, or on WSL 1 at all: `boot.systemd`.
    var ignored: [String] = []

    init() {}

    init(_ text: String, build: WSL1Build) {
        guard build >= WSL1Build(17093) else { return }
        var section = ""
        for raw in text.split(separator: "\n") {
            let line = raw.prefix { $0 != "#" }.filter { $0 != "\r" }.trimmed
            if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                section = line[line.index(after: line.startIndex)..<end].lowercased()
                continue
            }
            guard let equals = line.firstIndex(of: "=") else { continue }
            var value = String(line[line.index(after: equals)...]).trimmed
            if value.count > 1, value.hasPrefix("\""), value.hasSuffix("\"") {
                value = String(value.dropFirst().dropLast())
            }
            set(section, String(line[..<equals]).trimmed, value, build)
        }
    }

    private mutating func set(_ section: String, _ key: String, _ value: String, _ build: WSL1Build) {
        // A value that is no Boolean leaves the default.
        let truth: Bool? = ["true": true, "1": true, "false": false, "0": false][value.lowercased()]
        switch (section, key.lowercased()) {
        case ("automount", "enabled"): mountsDrives = truth ?? mountsDrives
        case ("automount", "mountfstab"): mountsFstab = truth ?? mountsFstab
        case ("automount", "root"): root = value.hasSuffix("/") ? value : value + "/"
        case ("automount", "options"): options = value
        case ("automount", "cgroups"): mountsCgroups = value.lowercased() != "none" && truth != false
        case ("network", "generatehosts"): generatesHosts = truth ?? generatesHosts
        case ("network", "generateresolvconf"): generatesResolvConf = truth ?? generatesResolvConf
        case ("network", "hostname"): hostname = value
        case ("interop", "enabled"): hasInterop = truth ?? hasInterop
        case ("interop", "appendwindowspath"):
            // The switch came with 17713.
            if build >= WSL1Build(17713) {
                appendsWindowsPath = truth ?? true
            } else {
                ignored.append("interop.\(key)")
            }
        case ("user", "default"):
            if build >= WSL1Build(18980) { defaultUser = value } else { ignored.append("user.default") }
        case ("filesystem", "umask"):
            if build >= WSL1Build(18945) {
                umask = UInt32(value, radix: 8) ?? umask
            } else {
                ignored.append("filesystem.umask")
            }
        case ("time", "usewindowstimezone"), ("automount", "crossdistro"): break
        default: ignored.append("\(section).\(key)")
        }
    }
}

extension String {
    /// Without blanks at either end.
    fileprivate var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
