// A fresh root: the files of time zero, laid out in a directory that the first process enters.
import Engine
import LinuxABI

extension AgentEngine {
    /// How an executable file begins whose content nobody knows; Execute.c looks for it.
    private static let unknownProgram: [UInt8] = [0x7f] + Array("LACUNA".utf8)

    func inRoot(_ path: String) -> String { path == "/" && !rootPath.isEmpty ? rootPath : rootPath + path }

    /// Where further names of files lie, on the root's file system.
    private var linksPath: String { options.ownsRoot ? "/.lacuna/links" : rootPath + ".links" }

    func layOutRoot() throws(EngineFailure) {
        // A container's maker may have made it, for what must be mounted there.
        if options.ownsRoot {
            // It kept a file system away; see RunningEngine.
            try make("rmdir", .text("/tmp/.lacuna"))
        } else {
            let made = try make("mkdir", .text(rootPath), .value(0o755))
            if made.result != -Int64(Errno.EEXIST.rawValue) { try must("make a directory", made) }
        }
        try make("mkdir", .text(linksPath), .value(0o700))
        let mounts = environment.mounts.filter {
            $0.point != "/" && !isServed($0.point) && !isBelowServed($0.point)
        }
        var links: [FileIdentity: String] = [:]
        let later = namesOfLaterMounts()
        for file in environment.files where file.path != "/" && !isBelowServed(file.path) {
            if later.contains(file.path) { continue }
            try makeParents(of: file.path)
            try makeFile(file, &links)
            if let mount = mounts.first(where: { $0.point == file.path }) { try mountOver(mount) }
        }
        // Mount points that no call has touched show in lists of mounts.
        for mount in mounts where !madeDirectories.contains(mount.point) {
            try makeParents(of: mount.point)
            guard try make("mkdir", .text(inRoot(mount.point)), .value(0o755)).result == 0 else { continue }
            madeDirectories.insert(mount.point)
            try mountOver(mount)
        }
        for served in environment.engineServed where !isBelowServed(served) { try serve(served) }
        try completeDirectories()
        // Children change their directory's times: those come last, the deepest first.
        for file in environment.files.reversed() where !isBelowServed(file.path) && !isServed(file.path) {
            if later.contains(file.path) { continue }
            try setTimes(file)
        }
        // A root to turn to is a mount point. Where none can be made the root is entered by chroot.
        if options.ownsRoot { return }
        try make("mount", .text(rootPath), .text(rootPath), .value(0), .value(0x5000), .value(0))
    }

    /// Names below directories that had no directory in them when they were seen first: what the recording mounted there
    /// had. Only of file systems that count directories as links.
    private func namesOfLaterMounts() -> Set<String> {
        let folders = environment.files.filter { $0.kind == .directory }
        let counting = Set(folders.filter { $0.links > 2 }.map(\.device))
        let empty = Set(folders.filter { $0.links == 2 && counting.contains($0.device) }.map(\.path))
        var names: Set<String> = []
        for file in environment.files.sorted(by: { $0.path < $1.path }) {
            guard let slash = file.path.lastIndex(of: "/") else { continue }
            let parent = String(file.path[..<slash])
            if names.contains(parent) || file.kind == .directory && empty.contains(parent) { names.insert(file.path) }
        }
        return names
    }

    private func mountOver(_ mount: Environment.Mount) throws(EngineFailure) {
        let place = Argument.text(inRoot(mount.point))
        if mount.type == "tmpfs" {
            try make("mount", .text("none"), place, .text("tmpfs"), .value(Self.flags(mount)), .value(0))
        } else {
            // The same file system: its devices compare equal.
            try make("mount", place, place, .value(0), .value(0x1000), .value(0))
        }
    }

    /// Mount flags (mount(2)) in a mount's options.
    static func flags(_ mount: Environment.Mount) -> UInt64 {
        let bits: [Substring: UInt64] = [
            "ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024, "relatime": 1 << 21,
        ]
        return mount.options.split(separator: ",").reduce(0) { $0 | bits[$1, default: 0] }
    }

    private struct FileIdentity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    func isServed(_ path: String) -> Bool { environment.engineServed.contains(path) }
    func isBelowServed(_ path: String) -> Bool {
        environment.engineServed.contains { path.hasPrefix($0 + "/") }
    }

    private func makeParents(of path: String) throws(EngineFailure) {
        // The recorder notes every component: this is for names that a trace lost.
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let parent = String(path[..<slash])
        guard !madeDirectories.contains(parent), !isBelowServed(parent) else { return }
        try makeParents(of: parent)
        try make("mkdir", .text(inRoot(parent)), .value(0o755))
        madeDirectories.insert(parent)
    }

    private func makeFile(
        _ file: Environment.File,
        _ links: inout [FileIdentity: String]
    ) throws(EngineFailure) {
        let path = inRoot(file.path)
        let identity = FileIdentity(device: file.device, inode: file.inode)
        if file.kind != .directory, file.links > 1, file.inode != 0 {
            if let other = links[identity] {
                try make("link", .text(other), .text(path))
                return
            }
            links[identity] = path
        }
        switch file.kind {
        case .directory:
            try make("mkdir", .text(path), .number(file.mode & 0o7777))
            madeDirectories.insert(file.path)
        case .symbolicLink: try make("symlink", .text(file.linkTarget ?? "unknown"), .text(path))
        case .regular: try makeRegular(file, path)
        case .fifo: try make("mknod", .text(path), .number(0o10000 | file.mode), .value(0))
        case .socket: try make("mknod", .text(path), .number(0o140000 | file.mode), .value(0))
        case .characterDevice:
            try make("mknod", .text(path), .number(0o20000 | file.mode), .number(file.specialDevice))
        case .blockDevice:
            try make("mknod", .text(path), .number(0o60000 | file.mode), .number(file.specialDevice))
        }
        try make("lchown", .text(path), .number(file.uid), .number(file.gid))
        if file.kind != .symbolicLink { try make("chmod", .text(path), .number(file.mode & 0o7777)) }
        for (name, value) in file.extendedAttributes.sorted(by: { $0.key < $1.key }) {
            try make("lsetxattr", .text(path), .text(name), .bytes(value), .number(value.count), .value(0))
        }
        if file.kind != .directory, file.links > 1, file.links < 64 {
            for extra in 1..<file.links where extra < file.links {
                try make("link", .text(path), .text("\(linksPath)/\(file.inode).\(extra)"))
            }
        }
    }

    private func makeRegular(_ file: Environment.File, _ path: String) throws(EngineFailure) {
        let fd = try make("open", .text(path), .value(0o2000102), .value(0o600)).result
        guard fd >= 0 else { return }
        if file.size > 0 {
            try make("ftruncate", .number(fd), .number(file.size))
            // Blocks that are there, as far as there is room for them.
            if file.blocks > 0, file.size < 1 << 30 {
                try make("fallocate", .number(fd), .value(0), .value(0), .number(file.size))
            }
        }
        let isKnown = file.content.contains { $0.offset == 0 && !$0.bytes.isEmpty }
        if file.mode & 0o111 != 0, !isKnown, file.size >= 8 {
            let bytes = Self.unknownProgram
            try make("pwrite64", .number(fd), .bytes(bytes), .number(bytes.count), .value(0))
        }
        for extent in file.content {
            var done = 0
            while done < extent.bytes.count {
                let part = Array(extent.bytes[done..<min(extent.bytes.count, done + (1 << 20))])
                try make(
                    "pwrite64",
                    .number(fd),
                    .bytes(part),
                    .number(part.count),
                    .number(extent.offset + Int64(done))
                )
                done += part.count
            }
        }
        try make("close", .number(fd))
    }

    private func setTimes(_ file: Environment.File) throws(EngineFailure) {
        var times = ByteWriter()
        for time in [file.accessTime, file.modificationTime] {
            times.add(time / 1_000_000_000)
            times.add(time % 1_000_000_000)
        }
        try make("utimensat", .number(-100), .text(inRoot(file.path)), .bytes(times.bytes), .value(0x100))
    }

    /// A directory's link count tells how many directories it has: unknown ones get names nobody asks for.
    private func completeDirectories() throws(EngineFailure) {
        var known: [String: UInt64] = [:]
        for path in madeDirectories where path != "/" {
            guard let slash = path.lastIndex(of: "/") else { continue }
            known[String(path[..<slash]), default: 0] += 1
        }
        for file in environment.files where file.kind == .directory && !file.entriesKnown && file.links > 2 {
            guard !isServed(file.path), !isBelowServed(file.path) else { continue }
            let path = file.path == "/" ? "" : file.path
            let missing = file.links - 2 - min(file.links - 2, known[path] ?? 0)
            guard missing > 0, missing <= 4096 else { continue }
            for index in 0..<missing { try make("mkdir", .text("\(rootPath)\(path)/.lacuna.\(index)"), .value(0o700)) }
        }
    }

    /// What the kernel serves itself: the environment's own.
    private func serve(_ path: String) throws(EngineFailure) {
        let place = inRoot(path)
        try makeParents(of: path)
        try make("mkdir", .text(place), .value(0o755))
        madeDirectories.insert(path)
        if options.ownsRoot { return }
        let flags = environment.mounts.last { $0.point == path }.map(Self.flags)
        if path == "/proc" {
            let flags = Argument.value(flags ?? 14)
            try tryTo("mount /proc", make("mount", .text("proc"), .text(place), .text("proc"), flags, .value(0)))
        } else if path == "/dev" {
            try layOutDevices(place)
        } else {
            // MS_BIND | MS_REC
            try make("mount", .text(path), .text(place), .value(0), .value(0x5000), .value(0))
            try dropExtraMounts(below: path)
            if options.isDisposable { try mountControlGroups(below: path) }
            // MS_BIND | MS_REMOUNT | MS_RDONLY, this mount alone: sysfs is one for the whole machine.
            if !options.isDisposable {
                try make("mount", .text("none"), .text(place), .value(0), .value(0x1021), .value(0))
            }
        }
    }

    /// What is mounted here and was not in the recording's mount namespace.
    private func dropExtraMounts(below path: String) throws(EngineFailure) {
        let known = Set(environment.mounts.map(\.point))
        guard !known.isEmpty else { return }
        let text = try contents(of: "/proc/self/mountinfo")
        let points = text.split(separator: "\n").compactMap { line -> String? in
            let fields = line.split(separator: " ")
            guard fields.count > 4, fields[4].hasPrefix(inRoot(path) + "/") else { return nil }
            return String(fields[4].dropFirst(rootPath.utf8.count))
        }
        for point in points.sorted(by: >) where !known.contains(point) {
            try make("umount2", .text(inRoot(point)), .value(2))
        }
    }

    private func contents(of path: String) throws(EngineFailure) -> String {
        guard try connection.mode == .live else { return "" }
        let fd = try make("open", .text(path), .value(0o2000000)).result
        guard fd >= 0 else { return "" }
        var bytes: [UInt8] = []
        while true {
            let (count, part) = try make("read", .number(fd), .output(65536), .value(65536))
            guard count > 0 else { break }
            bytes += part.prefix(Int(count))
        }
        try make("close", .number(fd))
        return String(decoding: bytes, as: UTF8.self)
    }
}
