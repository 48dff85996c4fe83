// Takes the start snapshot of a process that is parked in its execve, from /proc: nothing runs inside it for that.
import CLinux
import Glibc
import TraceLog

extension StartSnapshot {
    /// - Parameter pid: parked; its close-on-exec descriptors are left out, because they are gone when the program runs.
    init(of pid: Int32, arguments: [String], environment: [String], keepsEnvironment: Bool) {
        self.init()
        self.pid = pid
        self.arguments = arguments
        for variable in environment {
            let (text, isMasked) = keepsEnvironment ? (variable, false) : SecretMask.masked(variable)
            self.environment.append(text)
            if isMasked { masked.append(String(variable.prefix { $0 != "=" })) }
        }
        let directory = "/proc/\(pid)"
        readStatus(directory)
        processGroup = getpgid(pid)
        session = getsid(pid)
        for resource in Int32(0)..<16 {
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            if clinux_prlimit_get(pid, resource, &soft, &hard) == 0 {
                limits.append(Limit(resource: resource, soft: soft, hard: hard))
            }
        }
        workingDirectory = linkTarget("\(directory)/cwd") ?? ""
        root = linkTarget("\(directory)/root") ?? "/"
        mounts = readLines("\(directory)/mountinfo")
        cgroups = readLines("\(directory)/cgroup")
        for name in ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] {
            if let target = linkTarget("\(directory)/ns/\(name)") { namespaces[name] = target }
        }
        cpuCount = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        readDescriptors(directory)
        hasTerminal = terminalDevice(directory) != 0
    }

    private mutating func readStatus(_ directory: String) {
        var sets: [String: UInt64] = [:]
        for line in readLines("\(directory)/status") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = String(line[..<colon])
            let words = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace)
            switch name {
            case "PPid": parent = words.first.flatMap { Int32($0) } ?? 0
            case "Uid": uids = words.compactMap { UInt32($0) }
            case "Gid": gids = words.compactMap { UInt32($0) }
            case "Groups": groups = words.compactMap { UInt32($0) }
            case "Umask": umask = words.first.flatMap { UInt32($0, radix: 8) } ?? 0o022
            case "NoNewPrivs": noNewPrivileges = words.first == "1"
            default: if let word = words.first, let value = UInt64(word, radix: 16) { sets[name] = value }
            }
        }
        capabilities = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map { sets[$0] ?? 0 }
        // proc orders them real, effective, saved, file system, as the snapshot does.
        blockedSignals = sets["SigBlk"] ?? 0
        ignoredSignals = sets["SigIgn"] ?? 0
    }

    private mutating func readDescriptors(_ directory: String) {
        let numbers = (try? directoryNames("\(directory)/fd"))?.compactMap { Int32($0) } ?? []
        for number in numbers.sorted() {
            var descriptor = Descriptor()
            descriptor.fd = number
            for line in readLines("\(directory)/fdinfo/\(number)") {
                let words = line.split(whereSeparator: \.isWhitespace)
                guard words.count == 2 else { continue }
                if words[0] == "pos:" { descriptor.offset = Int64(words[1]) ?? 0 }
                if words[0] == "flags:" { descriptor.flags = UInt32(words[1], radix: 8) ?? 0 }
            }
            guard descriptor.flags & UInt32(O_CLOEXEC) == 0 else { continue }
            descriptor.target = linkTarget("\(directory)/fd/\(number)") ?? ""
            var status = stat()
            if stat("\(directory)/fd/\(number)", &status) == 0 { descriptor.status = FileStatus(status) }
            descriptor.isTerminal =
                descriptor.target.hasPrefix("/dev/pts/") || descriptor.target.hasPrefix("/dev/tty")
                || descriptor.target == "/dev/console"
            descriptors.append(descriptor)
        }
    }

    /// tty_nr of /proc/PID/stat; 0 without a controlling terminal.
    private func terminalDevice(_ directory: String) -> Int {
        guard let text = readText("\(directory)/stat"), let end = text.lastIndex(of: ")") else { return 0 }
        let words = text[text.index(after: end)...].split(separator: " ")
        return words.count > 4 ? Int(words[4]) ?? 0 : 0
    }
}

/// Names in a directory, without `.` and `..`.
func directoryNames(_ path: String) throws(RecorderError) -> [String] {
    guard let stream = opendir(path) else {
        throw RecorderError(.failed, "\(path): \(errorText(errno))", errno: errno)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
