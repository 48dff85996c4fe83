// Mappings, the break, SysV objects, grafts and what the engine keeps to itself.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

private struct Offers: NameSource {
    var values: [NameKind: UInt64]
    func offer(_ kind: NameKind, for call: UInt64) -> UInt64? { values[kind] }
}

@Suite struct MemoryTests {
    @Test func mapProtectUnmap() throws {
        let guest = try Guest()
        let flags = Argument.flags("MAP_PRIVATE", "MAP_ANONYMOUS")
        let answer = try guest.call("mmap", 0, 8192, 3, flags, -1, 0)
        let address = try #require(answer.value)
        #expect(address > 0 && address % 4096 == 0)
        #expect(answer.result.evidence.steps.contains { $0.name == "NtAllocateVirtualMemory" })
        #expect(try guest.call("mprotect", .number(address), 4096, 1).value == 0)
        #expect(try guest.call("munmap", .number(address), 8192).value == 0)
        #expect(try guest.call("munmap", .number(address + 1), 8192).errno == .EINVAL)
        #expect(try guest.call("mmap", 0, 0, 3, flags, -1, 0).errno == .EINVAL)
        #expect(try guest.call("mmap", 0, 4096, 3, .flags("MAP_PRIVATE"), 77, 0).errno == .EBADF)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test(arguments: ["MAP_LOCKED", "MAP_GROWSDOWN", "MAP_FIXED_NOREPLACE", "MAP_HUGETLB"])
    func flagsThatAreRefused(_ flag: String) throws {
        let guest = try Guest()
        let answer = try guest.call("mmap", 0, 4096, 3, .flags("MAP_PRIVATE", "MAP_ANONYMOUS", flag), -1, 0)
        #expect(answer.errno == .EOPNOTSUPP)
        #expect(answer.result.evidence.support == .partial)
    }

    @Test func emptyFilesCannotBeMapped() throws {
        let guest = try Guest()
        let fd = try guest.open("/tmp/e", .flags("O_CREAT", "O_RDWR"))
        #expect(try guest.call("mmap", 0, 4096, 1, .flags("MAP_PRIVATE"), .number(fd), 0).errno == .ENOEXEC)
    }

    @Test func offeredNamesAreTakenWhenFree() throws {
        let guest = try Guest { environment in
            environment.names = Offers(values: [.address: 0x7000_0000_0000, .programBreak: 0x1234_5000, .task: 4711])
        }
        let flags = Argument.flags("MAP_PRIVATE", "MAP_ANONYMOUS")
        #expect(try guest.call("mmap", 0, 4096, 3, flags, -1, 0).value == 0x7000_0000_0000)
        #expect(try guest.call("mmap", 0, 4096, 3, flags, -1, 0).value != 0x7000_0000_0000)
        #expect(try guest.call("brk", 0).value == 0x1234_5000)
        #expect(try guest.call("brk", 0x1236_6000).value == 0x1236_6000)
        #expect(try guest.call("fork").value == 4711)
        #expect(try guest.call("fork").value == 4712)
    }

    @Test func forkCopiesAndExecEmptiesTheAddressSpace() throws {
        let guest = try Guest()
        let flags = Argument.flags("MAP_PRIVATE", "MAP_ANONYMOUS")
        _ = try guest.call("mmap", 0, 4096, 3, flags, -1, 0)
        let child = try guest.fork()
        #expect(guest.engine.thread(child)?.group.address.regions.count == 1)
        _ = try guest.call("execve", "/bin/test", .strings(["x"]), .strings([]), task: child)
        #expect(guest.engine.thread(child)?.group.address.regions.isEmpty == true)
        #expect(guest.engine.thread(guest.root)?.group.address.regions.count == 1)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func sharedMemoryAndSemaphores() throws {
        let guest = try Guest()
        let segment = try #require(try guest.call("shmget", 77, 5000, .number(0o1000 | 0o600)).value)
        #expect(try guest.call("shmget", 77, 5000, .number(0o3000 | 0o600)).errno == .EEXIST)
        let address = try #require(try guest.call("shmat", .number(segment), 0, 0).value)
        #expect(try guest.call("munmap", .number(address), 4096).errno == .EINVAL)
        #expect(try guest.call("shmctl", .number(segment), 0, 0).value == 0)
        #expect(try guest.call("shmdt", .number(address)).value == 0)
        #expect(try guest.call("shmat", .number(segment), 0, 0).errno == .EINVAL)
        let set = try #require(try guest.call("semget", 0, 1, 0o600).value)
        let child = try guest.fork()
        let down = Argument.bytes([0, 0, 0xff, 0xff, 0, 0])
        let up = Argument.bytes([0, 0, 1, 0, 0, 0])
        #expect(try guest.call("semop", .number(set), down, 1).isBlocked)
        #expect(try guest.call("semop", .number(set), up, 1, task: child).value == 0)
        #expect(try guest.retry().value == 0)
    }

    // MARK: - Grafts

    @Test func graftsPutStateInPlace() throws {
        let guest = try Guest()
        let engine = guest.engine
        #expect(
            engine.graft(
                .descriptor(fd: 5, target: .file(path: "/etc/new"), flags: 0, closeOnExec: true),
                on: guest.root
            )
        )
        #expect(try guest.call("fcntl", 5, .flags("F_GETFD")).value == 1)
        #expect(engine.graft(.duplicate(fd: 6, source: 5, closeOnExec: false), on: guest.root))
        #expect(engine.graft(.closed(fd: 5), on: guest.root))
        #expect(try guest.call("fcntl", 5, .flags("F_GETFD")).errno == .EBADF)
        #expect(engine.graft(.file(Guest.file("/srv/deep/file", "text")), on: guest.root))
        #expect(try guest.read(try guest.open("/srv/deep/file")).text(1, 4) == "text")
        #expect(engine.graft(.absent(path: "/srv/deep"), on: guest.root))
        #expect(try guest.call("access", "/srv/deep/file", 0).errno == .ENOENT)
        #expect(engine.graft(.child(task: TaskID(rawValue: 40), pid: 900, flags: 17), on: guest.root))
        #expect(try guest.call("getpid", task: TaskID(rawValue: 40)).value == 900)
        #expect(engine.graft(.reaped(pid: 900), on: guest.root))
        #expect(try guest.call("wait4", -1, 0, 0, 0).errno == .ECHILD)
        #expect(!engine.graft(.namespaces(ABI.constant("CLONE_NEWUSER")), on: guest.root))
        #expect(engine.graft(.namespaces(ABI.constant("CLONE_NEWNS")), on: guest.root))
        let mount = Environment.Mount(point: "/srv/m", type: "tmpfs", source: "none", options: "rw")
        #expect(engine.graft(.mount(mount), on: guest.root))
        #expect(engine.graft(.unmounted(point: "/srv/m"), on: guest.root))
        #expect(engine.graft(.credentials(uids: [5, 5, 5, 5], gids: [6, 6, 6, 6]), on: guest.root))
        #expect(try guest.call("getuid").value == 5)
        #expect(engine.graft(.umask(0o77), on: guest.root))
        #expect(try guest.call("umask", 0).value == 0o77)
        #expect(engine.graft(.executed(path: "/bin/test"), on: guest.root))
        #expect(engine.checkInvariants() == [])
    }

    @Test func streamsAreFilledAndDrained() throws {
        let guest = try Guest()
        let ends = try guest.pipe()
        #expect(guest.engine.graft(.stream(fd: Int32(ends.write), bytes: [1, 2, 3, 4]), on: guest.root))
        #expect(guest.engine.graft(.drained(fd: Int32(ends.read), count: 3), on: guest.root))
        #expect(try guest.read(ends.read).value == 1)
    }

    // MARK: - The world outside

    private struct Outside: GivenSource {
        func bytes(_ name: GivenName, for call: UInt64) -> [UInt8]? { [9, 9, 9] }
        func number(_ name: GivenName, for call: UInt64) -> Int64? {
            if case .available = name { return 3 }
            return nil
        }
    }

    @Test func pipesFromOutsideAreGiven() throws {
        let guest = try Guest { environment in
            environment.given = Outside()
            environment.process.descriptors = [
                Environment.Descriptor(fd: 0, target: .pipe(id: 1, writeEnd: false), flags: 0),
                Environment.Descriptor(fd: 1, target: .terminal(path: "/dev/pts/3"), flags: 2),
            ]
        }
        let answer = try guest.read(0)
        #expect(answer.value == 3)
        #expect(answer.bytes(1, 3) == [9, 9, 9])
        #expect(answer.result.given.map(\.part).contains(.result))
        #expect(try guest.write(1, "x").value == 1)
        let modes = try guest.call("ioctl", 1, .flags("TCGETS"), .room(36))
        #expect(modes.value == 0)
        #expect(!modes.result.given.isEmpty)
        #expect(try guest.call("ioctl", 0, .flags("TCGETS"), .room(36)).errno == .ENOTTY)
    }

    @Test func terminalsHaveTwoSides() throws {
        let guest = try Guest()
        let master = try guest.open("/dev/ptmx", .flags("O_RDWR", "O_NOCTTY"))
        #expect(try guest.call("ioctl", .number(master), .flags("TIOCSPTLCK"), .bytes([0, 0, 0, 0])).value == 0)
        #expect(try guest.call("ioctl", .number(master), .flags("TIOCGPTN"), .room(4)).int32(2) == 0)
        var slave = Environment.File(path: "/dev/pts/0", kind: .characterDevice, mode: 0o620)
        slave.specialDevice = LxDeviceNumber.make(136, 0)
        #expect(guest.engine.graft(.file(slave), on: guest.root))
        let fd = try guest.open("/dev/pts/0", .flags("O_RDWR", "O_NOCTTY"))
        _ = try guest.write(fd, "a\n")
        #expect(try guest.read(master).text(1, 3) == "a\r\n")
        _ = try guest.write(master, "li")
        #expect(try guest.read(fd).isBlocked)
        let child = TaskID(rawValue: 50)
        #expect(guest.engine.graft(.child(task: child, pid: 500, flags: 17), on: guest.root))
        _ = try guest.write(master, "ne\n", task: child)
        #expect(try guest.retry().text(1, 5) == "line\n")
    }
}
