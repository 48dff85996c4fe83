// A root file system of this host, read for the model: names, modes, owners, sizes; contents where a start needs them.
import Engine
import Glibc

/// Reads a folder and changes nothing. Other file systems mounted below it are left out.
struct RootFolder {
    let path: String
    /// Contents up to this size are read below /etc; of programs, the first bytes.
    private static let limit = 65536
    private static let head = 256

    init(_ path: String) throws(CommandFailure) {
        guard let resolved = realpath(path, nil) else {
            throw CommandFailure("\(path): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        self.path = String(cString: resolved)
        var status = stat()
        guard stat(self.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure("\(path): is no folder; name the root file system of a distribution")
        }
    }

    /// Sorted by path, parents before children.
    func files() throws(CommandFailure) -> [Environment.File] {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
        var found = [Self.file("/", status)]
        var folders = [""]
        while let folder = folders.popLast() {
            guard let listing = opendir(path + folder + "/") else { continue }
            defer { closedir(listing) }
            while let entry = readdir(listing) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name != ".", name != ".." else { continue }
                let place = folder + "/" + name
                var own = stat()
                guard lstat(path + place, &own) == 0 else { continue }
                var file = Self.file(place, own)
                fill(&file, own)
                found.append(file)
                if file.kind == .directory, own.st_dev == status.st_dev { folders.append(place) }
            }
        }
        return found.sorted { $0.path < $1.path }
    }

    private static func file(_ place: String, _ status: stat) -> Environment.File {
        let kind: Environment.File.Kind =
            switch status.st_mode & S_IFMT {
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            default: .regular
            }
        var file = Environment.File(path: place, kind: kind, mode: UInt32(status.st_mode) & 0o7777)
        file.uid = status.st_uid
        file.gid = status.st_gid
        file.links = UInt64(status.st_nlink)
        file.inode = UInt64(status.st_ino)
        file.device = UInt64(status.st_dev)
        file.specialDevice = UInt64(status.st_rdev)
        file.size = Int64(status.st_size)
        file.blocks = Int64(status.st_blocks)
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }
        file.accessTime = nanoseconds(status.st_atim)
        file.modificationTime = nanoseconds(status.st_mtim)
        file.changeTime = nanoseconds(status.st_ctim)
        return file
    }

    /// Targets of links, and contents that /init or an execve looks at.
    private func fill(_ file: inout Environment.File, _ status: stat) {
        switch file.kind {
        case .symbolicLink:
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(path + file.path, &buffer, buffer.count - 1)
            if count > 0 {
                file.linkTarget = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
        case .regular:
            let isSetting = file.path.hasPrefix("/etc/") && file.size <= Self.limit
            guard isSetting || file.mode & 0o111 != 0, file.size > 0 else { return }
            let bytes = read(file.path, isSetting ? Int(file.size) : Self.head)
            if !bytes.isEmpty { file.content = [Environment.Extent(offset: 0, bytes: bytes)] }
        default: break
        }
    }

    private func read(_ place: String, _ count: Int) -> [UInt8] {
        let descriptor = open(path + place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            done = max(0, Glibc.read(descriptor, buffer.baseAddress, count))
        }
    }
}
