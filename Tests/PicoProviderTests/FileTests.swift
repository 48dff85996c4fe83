// Descriptors, paths and files.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct FileTests {
    @Test func theLowestFreeNumberIsTaken() throws {
        let guest = try Guest()
        #expect(try guest.open("/etc/hosts") == 0)
        #expect(try guest.open("/etc/hosts") == 1)
        #expect(try guest.open("/etc/hosts") == 2)
        #expect(try guest.call("close", 1).value == 0)
        #expect(try guest.call("dup", 2).value == 1)
        #expect(try guest.call("dup2", 0, 7).value == 7)
        #expect(try guest.call("fcntl", 0, .flags("F_DUPFD"), 5).value == 5)
        #expect(try guest.call("close", 9).errno == .EBADF)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func dupSharesThePosition() throws {
        let guest = try Guest()
        let fd = try guest.open("/etc/hosts")
        _ = try guest.call("dup", .number(fd))
        #expect(try guest.read(0, 4).text(1, 4) == "127.")
        #expect(try guest.read(1, 4).text(1, 4) == "0.0.")
        #expect(try guest.call("lseek", 1, 0, 1).value == 8)
        #expect(try guest.call("lseek", 0, -1, 0).errno == .EINVAL)
    }

    @Test func numberLimitIsEnforced() throws {
        let guest = try Guest()
        var limit = LxpBytes()
        limit.add(UInt64(3))
        limit.add(UInt64(4096))
        #expect(try guest.call("setrlimit", .flags("RLIMIT_NOFILE"), .bytes(limit.bytes)).value == 0)
        for _ in 0..<3 { _ = try guest.open("/etc/hosts") }
        #expect(try guest.call("open", "/missing", 0).errno == .EMFILE)
        #expect(try guest.call("dup", 0).errno == .EMFILE)
    }

    @Test func createWriteReadRemove() throws {
        let guest = try Guest()
        let flags = Argument.flags("O_CREAT", "O_EXCL", "O_RDWR")
        let fd = try guest.open("/tmp/a", flags, mode: 0o666)
        #expect(try guest.write(fd, "hello world").value == 11)
        #expect(try guest.call("pread64", .number(fd), .room(5), 5, 6).text(1, 5) == "world")
        #expect(try guest.call("open", "/tmp/a", flags, 0o666).errno == .EEXIST)
        let status = try guest.call("stat", "/tmp/a", .room(144))
        #expect(status.int32(1, at: 24) == 0o100644)
        #expect(status.uint64(1, at: 48) == 11)
        #expect(try guest.call("unlink", "/tmp/a").value == 0)
        #expect(try guest.call("stat", "/tmp/a", .room(144)).errno == .ENOENT)
        #expect(try guest.call("lseek", .number(fd), 0, 0).value == 0)
        #expect(try guest.read(fd).value == 11)
    }

    @Test func pathErrors() throws {
        let guest = try Guest()
        #expect(try guest.call("open", "", 0).errno == .ENOENT)
        #expect(try guest.call("open", "/etc/hosts/x", 0).errno == .ENOTDIR)
        #expect(try guest.call("open", "/etc/hosts/", 0).errno == .ENOTDIR)
        #expect(try guest.call("open", "/nowhere/x", .flags("O_CREAT"), 0o600).errno == .ENOENT)
        #expect(try guest.call("open", "/etc", .flags("O_WRONLY")).errno == .EISDIR)
        #expect(try guest.call("open", .string("/" + String(repeating: "n", count: 256)), 0).errno == .ENAMETOOLONG)
        #expect(try guest.call("open", .string(String(repeating: "/a", count: 2048)), 0).errno == .ENAMETOOLONG)
        #expect(try guest.call("open", 0, 0).errno == .EFAULT)
        #expect(try guest.call("symlink", "loop", "/tmp/loop").value == 0)
        #expect(try guest.call("open", "/tmp/loop", 0).errno == .ELOOP)
        #expect(try guest.call("open", "/tmp/loop", .flags("O_NOFOLLOW")).errno == .ELOOP)
        #expect(try guest.call("openat", 77, "x", 0).errno == .EBADF)
    }

    @Test func linksAndDotDot() throws {
        let guest = try Guest()
        #expect(try guest.call("mkdir", "/tmp/d", 0o755).value == 0)
        #expect(try guest.call("symlink", "../../etc", "/tmp/d/e").errno == nil)
        #expect(try guest.call("symlink", "/tmp/d/e/../../etc/hosts", "/tmp/h").errno == nil)
        let fd = try guest.open("/tmp/h")
        #expect(try guest.read(fd, 9).text(1, 9) == "127.0.0.1")
        #expect(try guest.call("chdir", "/tmp/d").value == 0)
        #expect(try guest.call("getcwd", .room(64), 64).text(0, 6) == "/tmp/d")
        #expect(try guest.call("readlink", "e", .room(10), 10).text(1, 9) == "../../etc")
        #expect(try guest.call("rmdir", "/tmp/d").errno == .ENOTEMPTY)
        #expect(try guest.call("rmdir", "/tmp/d/.").errno == .EINVAL)
        #expect(try guest.call("unlink", "/tmp/d").errno == .EISDIR)
    }

    @Test func renameRules() throws {
        let guest = try Guest()
        _ = try guest.open("/tmp/a", .flags("O_CREAT"))
        #expect(try guest.call("mkdir", "/tmp/d", 0o755).value == 0)
        #expect(try guest.call("rename", "/tmp/a", "/tmp/d").errno == .EISDIR)
        #expect(try guest.call("rename", "/tmp/d", "/tmp/a").errno == .ENOTDIR)
        #expect(try guest.call("rename", "/tmp/d", "/tmp/d/x").errno == .EINVAL)
        #expect(try guest.call("rename", "/tmp/a", "/tmp/d/b").value == 0)
        #expect(try guest.call("stat", "/tmp/d/b", .room(144)).value == 0)
        let same = try guest.call("rename", "/tmp/none", "/tmp/none")
        #expect(same.value == 0)
        #expect(same.result.evidence.support == .partial)
        #expect(same.result.evidence.source == "GH:5505;GH:13110")
    }

    @Test func permissionsFollowTheUser() throws {
        let guest = try Guest { environment in
            environment.process.uids = [1000, 1000, 1000, 1000]
            environment.process.gids = [1000, 1000, 1000, 1000]
            environment.process.capabilities = [0, 0, 0, 0, 0]
            environment.files.append(Guest.file("/etc/shadow", "secret", mode: 0o600))
        }
        #expect(try guest.call("open", "/etc/shadow", 0).errno == .EACCES)
        #expect(try guest.call("open", "/etc/hosts", .flags("O_RDWR")).errno == .EACCES)
        #expect(try guest.call("mkdir", "/etc/x", 0o755).errno == .EACCES)
        #expect(try guest.call("chmod", "/etc/hosts", 0o666).errno == .EPERM)
        #expect(try guest.call("chown", "/etc/hosts", 1000, 1000).errno == .EPERM)
        #expect(try guest.call("access", "/etc/hosts", 4).value == 0)
        #expect(try guest.call("access", "/etc/hosts", 2).errno == .EACCES)
    }

    @Test func directoriesListTheirNames() throws {
        let guest = try Guest()
        let fd = try guest.open("/etc", .flags("O_DIRECTORY"))
        let answer = try guest.call("getdents64", .number(fd), .room(1024), 1024)
        let bytes = answer.bytes(1, Int(try #require(answer.value)))
        var names: [String] = []
        var position = 0
        while position < bytes.count {
            let length = Int(bytes[position + 16]) | Int(bytes[position + 17]) << 8
            names.append(
                String(decoding: bytes[(position + 19)..<(position + length)].prefix { $0 != 0 }, as: UTF8.self)
            )
            position += length
        }
        #expect(names == [".", "..", "hosts"])
        #expect(try guest.call("getdents64", .number(fd), .room(1024), 1024).value == 0)
        #expect(try guest.call("lseek", .number(fd), 0, 0).value == 0)
        #expect(try guest.call("getdents64", .number(fd), .room(10), 10).errno == .EINVAL)
    }

    @Test func unknownContentIsGiven() throws {
        let guest = try Guest { environment in
            var file = Environment.File(path: "/etc/blob", kind: .regular, mode: 0o644)
            file.size = 10
            file.content = [Environment.Extent(offset: 0, bytes: [1, 2])]
            environment.files.append(file)
        }
        let fd = try guest.open("/etc/blob")
        let answer = try guest.read(fd, 100)
        #expect(answer.value == 10)
        #expect(answer.bytes(1, 2) == [1, 2])
        let given = try #require(answer.result.given.first)
        #expect(given.part == .memory(address: answer.addresses[1] + 2, count: 8))
    }

    @Test func recordLocksConflict() throws {
        let guest = try Guest()
        let fd = try guest.open("/tmp/l", .flags("O_CREAT", "O_RDWR"))
        let child = try guest.fork()
        func lock(_ type: String) -> Argument {
            var out = LxpBytes()
            out.add(Int16(truncatingIfNeeded: ABI.constant(type)))
            out.add(Int16(0))
            out.add(Int32(0))
            out.add(Int64(0))
            out.add(Int64(10))
            out.add(Int64(0))
            return .bytes(out.bytes)
        }
        let set = Argument.flags("F_SETLK")
        #expect(try guest.call("fcntl", .number(fd), set, lock("F_WRLCK")).value == 0)
        #expect(try guest.call("fcntl", .number(fd), set, lock("F_RDLCK"), task: child).errno == .EAGAIN)
        #expect(try guest.call("fcntl", .number(fd), .flags("F_SETLKW"), lock("F_RDLCK"), task: child).isBlocked)
        #expect(try guest.call("fcntl", .number(fd), set, lock("F_UNLCK")).value == 0)
        #expect(try guest.retry(child).value == 0)
        #expect(try guest.call("fcntl", .number(fd), .flags("F_OFD_SETLK"), lock("F_RDLCK")).errno == .EINVAL)
        #expect(try guest.call("fcntl", .number(fd), .flags("F_SETLEASE"), 0).errno == .EINVAL)
    }

    @Test func inotifyTellsOfNamesAndWrites() throws {
        let guest = try Guest()
        let watcher = try #require(try guest.call("inotify_init1", .flags("O_NONBLOCK")).value)
        #expect(try guest.read(watcher).errno == .EAGAIN)
        #expect(
            try guest.call("inotify_add_watch", .number(watcher), "/tmp", .flags("IN_CREATE", "IN_DELETE")).value == 1
        )
        _ = try guest.open("/tmp/f", .flags("O_CREAT"))
        _ = try guest.call("unlink", "/tmp/f")
        let events = try guest.read(watcher)
        #expect(events.value == 64)
        #expect(UInt64(events.int32(1, at: 4)) == ABI.constant("IN_CREATE"))
        #expect(UInt64(events.int32(1, at: 36)) == ABI.constant("IN_DELETE"))
    }
}
