// Stories that users of WSL 1 know, each told by `lacuna explain` in words that name the cause.
import Engine
import LinuxABI
import NTKernel
import Replay
import Testing

@testable import PicoProvider

@Suite struct StoryTests {
    /// npm and editors: a directory cannot be renamed while something below it is open (GH:1529).
    @Test func renamingADirectoryInUse() throws {
        let story = try Story(
            """
            mkdir("/home", 0755) -> 0
            mkdir("/home/node_modules", 0755) -> 0
            openat(AT_FDCWD, "/home/node_modules/a.js", O_RDWR|O_CREAT, 0644) -> 3
            rename("/home/node_modules", "/home/old") -> 0
            """
        )
        let text = try story.explanation(of: 3)
        #expect(text.contains("wsl1  -1 EACCES (Permission denied)"), "\(text)")
        #expect(text.contains("NTFS does not rename a directory while a file below it is open"), "\(text)")
        #expect(text.contains("NtSetInformationFile FileRenameInformationEx"), "\(text)")
        #expect(text.contains("STATUS_ACCESS_DENIED"), "\(text)")
        #expect(text.contains("GH:1529"), "\(text)")
    }

    /// SQLite on the Fall Creators Update's predecessors: both writers get the lock (GH:1927, GH:2395).
    @Test func twoWritersOfOneDatabase() throws {
        let story = try Story(
            """
            openat(AT_FDCWD, "/db", O_RDWR|O_CREAT, 0644) -> 3
            child = fork() -> 101
            fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=10}) -> 0
            child: fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=10}) -> EAGAIN
            """
        )
        let old = try story.explanation(of: 3, build: 15063)
        #expect(old.contains("wsl1@15063  0"), "\(old)")
        #expect(old.contains("record locks are granted to everybody through 16273"), "\(old)")
        #expect(story.replay(build: 19045).roots.isEmpty)
    }

    /// `sleep 1` with glibc 2.31 (Ubuntu 20.04) on 1909 (GH:4898).
    @Test func sleepingOneSecond() throws {
        let story = try Story("clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=0, tv_nsec=1}, NULL) -> 0\n")
        let text = try story.explanation(of: 0, build: 18363)
        #expect(text.contains("wsl1@18363  -1 EINVAL (Invalid argument)"), "\(text)")
        #expect(text.contains("clock_nanosleep(CLOCK_REALTIME) is refused through 18363"), "\(text)")
        #expect(story.replay(build: 19041).roots.isEmpty)
    }

    /// dpkg and others map empty files (GH:3451).
    @Test func mappingAnEmptyFile() throws {
        let story = try Story(
            """
            openat(AT_FDCWD, "/empty", O_RDWR|O_CREAT, 0644) -> 3
            mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) -> 0x7f0000000000
            """
        )
        let text = try story.explanation(of: 1)
        #expect(text.contains("ENOEXEC"), "\(text)")
        #expect(text.contains("NT cannot make a section of an empty file"), "\(text)")
    }

    /// dockerd stops at the first controller that it cannot mount (GH:5081).
    @Test func dockerdStarts() throws {
        let story = try Story(
            """
            mkdir("/cg", 0755) -> 0
            mkdir("/cg/memory", 0755) -> 0
            mount("cgroup", "/cg/memory", "cgroup", MS_NOSUID|MS_NODEV|MS_NOEXEC, "memory") -> 0
            mkdir("/cg/memory/docker", 0755) -> 0
            """
        )
        let text = try story.explanation(of: 2)
        #expect(text.contains("wsl1  -1 EINVAL (Invalid argument)"), "\(text)")
        #expect(text.contains("this call is the root"), "\(text)")
    }

    /// systemd wants cgroup2, then a named hierarchy.
    @Test func systemdStarts() throws {
        let story = try Story(
            """
            mkdir("/cg", 0755) -> 0
            mount("cgroup2", "/cg", "cgroup2", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL) -> 0
            """
        )
        let text = try story.explanation(of: 1)
        #expect(text.contains("wsl1  -1 ENODEV (No such device)"), "\(text)")
        #expect(text.contains("this call is the root"), "\(text)")
    }

    /// `unshare -Ur` (GH:2981).
    @Test func unsharingTheUserNamespace() throws {
        let text = try Story("unshare(CLONE_NEWUSER) -> 0\n").explanation(of: 0)
        #expect(text.contains("wsl1  -1 EINVAL (Invalid argument)"), "\(text)")
        #expect(text.contains("CLONE_NEWUSER is not implemented"), "\(text)")
        #expect(text.contains("GH:2981"), "\(text)")
    }

    /// Legacy iptables: the table does not exist (GH:767).
    @Test func listingFirewallRules() throws {
        let story = try Story(
            """
            socket(AF_INET, SOCK_RAW, IPPROTO_RAW) -> 3
            getsockopt(3, SOL_IP, IPT_SO_GET_INFO, _, [84]) -> 0
            """
        )
        let text = try story.explanation(of: 1)
        #expect(text.contains("wsl1  -1 ENOPROTOOPT (Protocol not available)"), "\(text)")
        #expect(text.contains("this socket option is not there"), "\(text)")
    }

    /// MAP_FIXED_NOREPLACE is refused where old kernels ignore it (GH:10102).
    @Test func mappingWithoutReplacing() throws {
        let flags = "MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE"
        let story = try Story("mmap(0x500000, 4096, PROT_READ, \(flags), -1, 0) -> 0x500000\n")
        let text = try story.explanation(of: 0)
        #expect(text.contains("EOPNOTSUPP"), "\(text)")
        #expect(text.contains("MAP_FIXED_NOREPLACE is refused"), "\(text)")
    }

    /// A Windows program: WSL 1 runs it, the model does not, and nobody is blamed.
    @Test func notepad() throws {
        let story = try Story(
            """
            mkdir("/mnt", 0755) -> 0
            mount("C:", "/mnt", "drvfs", 0, NULL) -> 0
            openat(AT_FDCWD, "/mnt/notepad.exe", O_RDWR|O_CREAT, 0755) -> 3
            write(3, "MZ program", 10) -> 10
            close(3) -> 0
            execve("/mnt/notepad.exe", ["notepad.exe"], []) -> ENOEXEC
            """
        )
        let text = try story.explanation(of: 5)
        #expect(text.contains("wsl1  0"), "\(text)")
        #expect(text.contains("/init relays its handles and its exit status"), "\(text)")
        #expect(text.contains("NtCreateUserProcess C:\\notepad.exe → STATUS_SUCCESS"), "\(text)")
        #expect(text.contains("RN:14951"), "\(text)")
    }

    /// case=off: "FOO" beside "foo" is the same file (DOC:case-sensitivity.md).
    @Test func creatingFooBesideFOO() throws {
        let guest = try Guest()
        #expect(try guest.call("mount", "C:", "/tmp", "drvfs", 0, "case=off").value == 0)
        #expect(try guest.call("open", "/tmp/foo", .flags("O_CREAT"), 0o644).value == 0)
        let answer = try guest.call("open", "/tmp/FOO", .flags("O_CREAT", "O_EXCL"), 0o644)
        #expect(answer.errno == .EEXIST)
        #expect(try guest.call("access", "/tmp/Foo", 0).value == 0)
    }

    /// A file that a Windows program holds without sharing.
    @Test func aFileHeldByWindows() throws {
        let guest = try Guest()
        #expect(try guest.call("mount", "C:", "/tmp", "drvfs", 0, "").value == 0)
        #expect(try guest.call("open", "/tmp/held.docx", .flags("O_CREAT"), 0o644).value == 0)
        #expect(try guest.call("close", 0).value == 0)
        let handle = try guest.engine.openOnWindows("C", "held.docx")
        let answer = try guest.call("open", "/tmp/held.docx", 0)
        #expect(answer.errno == .EACCES)
        #expect(answer.result.evidence.steps.contains { $0.status == "STATUS_SHARING_VIOLATION" })
        guest.engine.closeOnWindows(handle)
        #expect(try guest.call("open", "/tmp/held.docx", 0).value == 0)
    }
}

extension WSL1Engine {
    /// A Windows program opens a file of a drive and lets nobody else in.
    fileprivate func openOnWindows(_ drive: Character, _ name: String) throws -> Handle {
        let volume = try #require(machine.drive(drive))
        let path = (volume.device.objectName ?? "") + "\\" + name
        var handle = Handle.null
        var block = IoStatusBlock()
        let status = kernel.NtCreateFile(
            &handle,
            access: [.fileReadData, .fileWriteData],
            attributes: ObjectAttributes(name: path, flags: .caseInsensitive),
            status: &block,
            share: [],
            disposition: .open
        )
        try #require(status.isSuccess, "\(status.name)")
        return handle
    }

    fileprivate func closeOnWindows(_ handle: Handle) { _ = kernel.NtClose(handle) }
}
