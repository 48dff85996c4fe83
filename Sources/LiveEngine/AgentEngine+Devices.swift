// A /dev of the engine's own, with the nodes of the environment's: what is changed there changes no other's.
import Engine
import LinuxABI

extension AgentEngine {
    /// tmpfs, as devtmpfs is one; terminals, shared memory and queues are new instances.
    func layOutDevices(_ place: String) throws(EngineFailure) {
        try tryTo("mount /dev", make("mount", .text("dev"), .text(place), .text("tmpfs"), .value(2), .text("mode=755")))
        if try connection.mode == .live { try copyNodes("/dev", to: place) } else { try makeNodes(place) }
        let instances = [
            ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5"), ("shm", "tmpfs", "mode=1777"),
            ("mqueue", "mqueue", ""),
        ]
        for (name, type, options) in instances {
            try make("mkdir", .text("\(place)/\(name)"), .value(0o755))
            try make("mount", .text(type), .text("\(place)/\(name)"), .text(type), .value(0), .text(options))
        }
    }

    /// What every machine has, where nobody can look what it has.
    private func makeNodes(_ place: String) throws(EngineFailure) {
        // Major and minor numbers by Documentation/admin-guide/devices.txt.
        let nodes: [(String, UInt64)] = [
            ("null", 0x103), ("zero", 0x105), ("full", 0x107), ("random", 0x108), ("urandom", 0x109), ("tty", 0x500),
        ]
        for (name, device) in nodes {
            try make("mknod", .text("\(place)/\(name)"), .value(0o20666), .value(device))
        }
        let links = [
            ("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ]
        for (name, target) in links { try make("symlink", .text(target), .text("\(place)/\(name)")) }
    }

    private func copyNodes(_ source: String, to place: String) throws(EngineFailure) {
        for name in try names(in: source) where !["pts", "shm", "mqueue", "hugepages"].contains(name) {
            let (from, to) = ("\(source)/\(name)", "\(place)/\(name)")
            let status = try make("lstat", .text(from), .output(144)).output
            guard status.count == 144 else { continue }
            // st_mode, st_uid and st_gid; st_rdev.
            let mode = status.word(24) & 0xffff_ffff
            switch mode & 0xf000 {
            case 0x4000:
                try make("mkdir", .text(to), .value(mode & 0o7777))
                try copyNodes(from, to: to)
            case 0xa000:
                let (count, target) = try make("readlink", .text(from), .output(256), .value(255))
                guard count > 0 else { continue }
                let text = String(decoding: target.prefix(Int(count)), as: UTF8.self)
                try make("symlink", .text(text), .text(to))
                continue
            // A misled write to a disk of this machine would be no test any more.
            case 0x6000 where !options.isDisposable: continue
            case 0x2000, 0x6000: try make("mknod", .text(to), .value(mode), .value(status.word(40)))
            default: continue
            }
            // The memory devices belong to root, whatever this machine has done to its own.
            if status.word(40) >> 8 == 1 {
                try make("chmod", .text(to), .value(mode & 0o7777))
                continue
            }
            try make("chown", .text(to), .value(status.word(24) >> 32), .value(status.word(32) & 0xffff_ffff))
            try make("chmod", .text(to), .value(mode & 0o7777))
        }
    }

    private func names(in path: String) throws(EngineFailure) -> [String] {
        let fd = try make("open", .text(path), .value(0o2200000)).result
        guard fd >= 0 else { return [] }
        var names: [String] = []
        while true {
            let (count, bytes) = try make("getdents64", .number(fd), .output(32768), .value(32768))
            guard count > 0 else { break }
            var position = 0
            while position + 19 < Int(count) {
                let name = bytes[(position + 19)...].prefix { $0 != 0 }
                names.append(String(decoding: name, as: UTF8.self))
                position += max(20, Int(bytes[position + 16]) | Int(bytes[position + 17]) << 8)
            }
        }
        try make("close", .number(fd))
        return names.filter { $0 != "." && $0 != ".." }
    }
}
