// Stories that users of WSL 1 know, each told by `lacuna explain` in words that name the cause.
import Engine
import Facts
import FoundationEssentials
import LinuxABI
import NTKernel
import Replay
import Testing

@testable import PicoProvider

@Suite struct StoryTests {
    private static let folder =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/corpora/facts/wsl1/stories"

    private func story(_ name: String) throws -> Story {
        let file = "\(Self.folder)/\(name).story"
        let bytes = try #require(FileManager.default.contents(atPath: file), "\(file) can be read")
        return try Story(String(decoding: bytes, as: UTF8.self), file: file)
    }

    /// The answers, why, and how we know: what a newcomer reads first; then what the executive said.
    static let told: [(name: String, texts: [String])] = [
        (
            "rename-open-directory",
            [
                "Linux answers 0, wsl1 answers -1 EACCES (Permission denied).",
                "Why: NTFS does not rename a directory while a file below it is open.",
                "issue 1529 of github.com/microsoft/WSL",
                "NtSetInformationFile FileRenameInformationEx → STATUS_ACCESS_DENIED = EACCES, documented",
                "this call is the root: rename → EACCES", "1 later call depends on what it changed",
            ]
        ),
        (
            "sqlite-two-writers",
            [
                "Linux answers -1 EAGAIN (Resource temporarily unavailable), wsl1@15063 answers 0.",
                "Why: record locks are granted to everybody through 16273.", "issue 1927 of github.com/microsoft/WSL",
                "degrading: Linux refuses this to keep programs apart, and it is allowed here",
            ]
        ),
        (
            "sleep-glibc-2.31",
            [
                "wsl1@18363 answers -1 EINVAL (Invalid argument).",
                "Why: clock_nanosleep(CLOCK_REALTIME) is refused through 18363.",
                "issue 4898 of github.com/microsoft/WSL", "fatal: sleep ends: cannot read realtime clock",
            ]
        ),
        (
            "mmap-empty-file",
            [
                "wsl1 answers -1 ENOEXEC (Exec format error).", "Why: NT cannot make a section of an empty file.",
                "NtCreateSection MaximumSize=0x0 → STATUS_MAPPED_FILE_SIZE_ZERO = ENOEXEC, observed",
            ]
        ),
        (
            "dockerd",
            [
                "wsl1 answers -1 ENOPROTOOPT (Protocol not available).",
                "Why: there are no tables for iptables: packets pass Windows' own firewall.",
                "fatal: iptables ends: the table does not exist",
            ]
        ),
        (
            "systemd",
            [
                "wsl1 answers -1 EINVAL (Invalid argument).",
                "Why: only the devices controller exists; no named hierarchies.",
                "this call is the root: mount(cgroup) → EINVAL", "fatal: 1 later call depends on what it changed",
            ]
        ),
        (
            "unshare-Ur",
            [
                "wsl1 answers -1 EINVAL (Invalid argument).", "Why: CLONE_NEWUSER is not implemented.",
                "issue 2981 of github.com/microsoft/WSL", "fatal: 2 later calls depend on what it changed",
            ]
        ),
        (
            "iptables",
            [
                "wsl1 answers -1 ENOPROTOOPT (Protocol not available).", "issue 767 of github.com/microsoft/WSL",
                "fatal: iptables ends: the table does not exist",
            ]
        ),
        (
            "map-fixed-noreplace",
            ["wsl1 answers -1 EOPNOTSUPP (Operation not supported).", "Why: MAP_FIXED_NOREPLACE is refused."]
        ),
        (
            "case-off",
            [
                "wsl1 answers -1 EEXIST (File exists).",
                "Why: the name is there in other letters, and this drive takes both for one.",
                "Microsoft's documentation, case-sensitivity.md",
            ]
        ),
        (
            "notepad",
            [
                "Linux answers -1 ENOEXEC (Exec format error), wsl1 answers 0.",
                "/init relays its handles and its exit status", "release notes of build 14951",
                "NtCreateUserProcess C:\\notepad.exe → STATUS_SUCCESS",
            ]
        ),
    ]

    @Test(arguments: told) func explained(_ name: String, _ texts: [String]) throws {
        let story = try story(name)
        let text = try story.explanation(build: story.build ?? 19045)
        #expect(text.hasPrefix(try #require(story.introduction.first) + "\n"))
        for part in texts { #expect(text.contains(part), "\(part) in:\n\(text)") }
    }

    /// The first root that ends the program is the call that the story is about.
    @Test(arguments: ["dockerd", "systemd"]) func theFirstFatalRoot(_ name: String) throws {
        let story = try story(name)
        let roots = story.replay(build: 19045).roots
        #expect(roots.filter(\.fatal.isFatal).map(\.call).min() == story.subject)
        // What came before is done without.
        #expect(roots.contains { $0.call < story.subject && !$0.fatal.isFatal })
    }

    @Test(arguments: ["sqlite-two-writers", "sleep-glibc-2.31"]) func mendedSince(_ name: String) throws {
        #expect(try story(name).replay(build: 19045).roots.isEmpty)
    }

    @Test func noStoryIsUntold() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".story") }
        #expect(Set(files) == Set(Self.told.map { $0.name + ".story" }))
    }

    @Test(arguments: [
        ("getpid()\n", "s:1: "), ("# empty\n", "s:1: a story has calls"),
        ("exists sh 0755\n", "s:1: what exists has a path and a mode: exists /bin/sh 0100755"),
        ("other: getpid() -> 1\n", "s:1: no task is called other"), ("build new\n", "s:1: a build is a number"),
        ("getpid() -> 1 <long>\n", "s:1: a duration is in seconds, at most 3600: <1.0>"),
    ]) func aStoryThatCannotBeReadSaysWhere(_ text: String, _ message: String) {
        let error = #expect(throws: FactCheckError.self) { try Story(text, file: "s") }
        #expect(error?.description.hasPrefix(message) ?? false, "\(error?.description ?? "")")
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
