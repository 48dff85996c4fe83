// What a program needs where this host's files are not: itself, its interpreter, its libraries.
import FoundationEssentials
import Glibc

/// Files of this host to be copied into an engine, at their own places.
public struct ProgramFiles: Sendable, Hashable {
    /// Paths of files, folders and links, without double entries, parents first.
    public private(set) var paths: [String] = []
    private var known: Set<String> = []
    /// A folder that is there even if nothing is in it: the working directory.
    public var folder = "/tmp"

    public init() {}

    /// Adds a program: its file, the interpreter of a script, libraries as `ldd` finds them.
    ///
    /// - Parameter name: a path, or a name in PATH.
    /// - Returns: the program's path.
    @discardableResult
    public mutating func add(program name: String, depth: Int = 0) throws(LaunchError) -> String {
        guard let path = ProgramPath.find(name) else { throw LaunchError("\(name): no such program in PATH") }
        try add(file: path)
        let head = try HostFile.bytes(path).prefix(256)
        if head.starts(with: "#!".utf8) {
            let line = String(decoding: head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            let words = line.split(separator: " ").map(String.init)
            if let interpreter = words.first, depth < 4 { try add(program: interpreter, depth: depth + 1) }
            // "#!/usr/bin/env python3"
            if words.count > 1, words[0].hasSuffix("/env"), depth < 4 { try add(program: words[1], depth: depth + 1) }
        } else if head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            // A static program has none; ldd says so by its status.
            let output = try CommandOutput(["ldd", path], seconds: 10)
            for line in String(decoding: output.output, as: UTF8.self).split(separator: "\n") {
                guard
                    let library = line.split(separator: " ").first(where: { $0.hasPrefix("/") || $0.hasPrefix("\t/") })
                else { continue }
                try add(file: String(library.drop { $0 == "\t" }))
            }
        }
        return path
    }

    /// The path without links among its folders; those (`/lib`, say) are added.
    private mutating func direct(_ path: String) throws(LaunchError) -> String {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return path }
        let folder = String(path[..<slash])
        guard let real = realpath(folder, nil) else { return path }
        defer { free(real) }
        let resolved = String(cString: real)
        guard resolved != folder else { return path }
        var prefix = ""
        for name in folder.split(separator: "/") {
            prefix += "/" + name
            var status = stat()
            if lstat(prefix, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, known.insert(prefix).inserted {
                paths.append(prefix)
            }
        }
        return resolved + path[slash...]
    }

    /// Adds a file or link and what it points to, and a folder with all in it.
    public mutating func add(file path: String) throws(LaunchError) {
        let path = try direct(path)
        guard known.insert(path).inserted else { return }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw LaunchError("\(path): \(String(cString: strerror(errno)))") }
        paths.append(path)
        switch status.st_mode & S_IFMT {
        case S_IFLNK:
            guard let target = realpath(path, nil) else { return }
            defer { free(target) }
            try add(file: String(cString: target))
        case S_IFDIR:
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            for name in names.sorted() { try add(file: path + "/" + name) }
        default: break
        }
    }
}

extension RunningEngine {
    /// Copies files of this host to their own places inside; nothing is done where the host's files are seen anyway.
    public func copy(_ files: ProgramFiles) throws(LaunchError) {
        guard let guest else { return }
        if files.folder != "/tmp" { try guest.line.makeFolder(files.folder, mode: 0o755) }
        for path in files.paths {
            var status = stat()
            guard lstat(path, &status) == 0 else { throw LaunchError("\(path): \(String(cString: strerror(errno)))") }
            let mode = UInt32(status.st_mode & 0o7777)
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try guest.line.makeFolder(path, mode: mode)
            case S_IFLNK:
                var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
                let count = readlink(path, &buffer, buffer.count - 1)
                let target = String(decoding: buffer[..<max(0, count)].map(UInt8.init(bitPattern:)), as: UTF8.self)
                try guest.line.makeLink(path, to: target)
            case S_IFREG: try guest.line.put(try HostFile.bytes(path), at: path, mode: mode)
            default: break
            }
        }
        if let problem = guest.line.problems.first { throw LaunchError("\(name): \(problem)") }
    }
}
