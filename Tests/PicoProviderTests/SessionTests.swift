// The session manager: distributions, starting, programs in an instance, idle stop, termination, interop.
import Engine
import Facts
import LinuxABI
import NTKernel
import Replay
import Testing

@testable import PicoProvider

@Suite struct SessionTests {
    private func manager(build: Int = 19045, conf: String? = nil, more: [Environment.File] = []) throws -> LxssManager {
        let manager = LxssManager(build: build)
        try manager.registry.register(LxssDistribution(name: "Debian", basePath: "/srv/debian"))
        var files = [
            Guest.directory("/bin"), Guest.program("/bin/test"), Guest.directory("/etc"),
            Guest.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), Guest.directory("/tmp", mode: 0o1777),
            Guest.file("/etc/only-here", "distribution\n"),
        ]
        if let conf { files.append(Guest.file("/etc/wsl.conf", conf)) }
        files = (files + more).sorted { $0.path < $1.path }
        try manager.start("debian") { _ in files }
        return manager
    }

    private func instance(_ manager: LxssManager) throws -> LxssInstance { try #require(manager.running.first) }

    /// A recording of one process.
    private func story(_ lines: String) throws -> Story { try Story(lines) }

    // MARK: - Registry

    @Test func distributionsAreFoundByNameWithoutCase() throws {
        var registry = LxssRegistry()
        try registry.register(LxssDistribution(name: "Debian", basePath: "/a"))
        try registry.register(LxssDistribution(name: "Alpine", basePath: "/b"))
        #expect(registry["DEBIAN"]?.basePath == "/a")
        #expect(registry.standard?.name == "Debian")
        #expect(throws: LxssError.self) { try registry.register(LxssDistribution(name: "debian", basePath: "/c")) }
        try registry.unregister("Debian")
        #expect(registry.standard?.name == "Alpine")
        #expect(throws: LxssError.self) { try registry.setDefault("Debian") }
        #expect(Set(registry.distributions.map(\.guid)).count == 1)
    }

    // MARK: - Start

    /// The mounts of pico-interface.md §7.
    @Test func initMountsWhatTheSourcesSay() throws {
        let instance = try instance(manager())
        let mounts = instance.mounts.map { $0.split(separator: " ").map(String.init) }
        func type(_ point: String) -> String? { mounts.last { $0[1] == point }?[2] }
        let wanted = [
            "/": "wslfs", "/dev": "tmpfs", "/dev/pts": "devpts", "/sys": "sysfs", "/proc": "proc", "/run": "tmpfs",
            "/run/lock": "tmpfs", "/run/shm": "tmpfs", "/run/user": "tmpfs", "/dev/shm": "tmpfs",
            "/sys/fs/cgroup": "tmpfs", "/sys/fs/cgroup/devices": "cgroup",
            "/proc/sys/fs/binfmt_misc": "binfmt_misc", "/mnt/c": "drvfs",
        ]
        for (point, name) in wanted { #expect(type(point) == name, "\(point)") }
        #expect(mounts.count == wanted.count)
        #expect(instance.file("/proc/sys/fs/binfmt_misc/WSLInterop")?.hasPrefix("enabled\ninterpreter /init\n") == true)
        #expect(instance.file("/etc/only-here") == "distribution\n")
        #expect(instance.checkInvariants() == [])
    }

    /// Every step names its ground, and init's are calls with what they took of the executive.
    @Test func everyStepNamesItsSource() throws {
        let instance = try instance(manager())
        #expect(instance.log.allSatisfy { !$0.source.isEmpty && !$0.text.isEmpty })
        let mkdir = try #require(instance.log.first { $0.text.hasPrefix("mkdir(") })
        #expect(mkdir.result == "0" && mkdir.steps.contains { $0.name == "NtCreateFile" })
        let failed = instance.log.filter { $0.text.hasPrefix("mount(") && $0.result.hasPrefix("E") }
        #expect(failed.isEmpty, "\(failed.map(\.text))")
    }

    @Test func wslConfDecidesWhatInitDoes() throws {
        let conf = """
            [automount]
            root = /drives   # not /mnt
            options = "metadata,umask=022"
            [network]
            generateHosts = false
            hostname = other
            [interop]
            enabled = false
            """
        let instance = try instance(manager(conf: conf))
        #expect(instance.mounts.contains { $0.contains(" /drives/c drvfs ") && $0.contains("metadata") })
        #expect(!instance.mounts.contains { $0.contains(" /mnt/c ") })
        #expect(instance.file("/etc/hosts") == nil)
        #expect(instance.file("/etc/resolv.conf")?.contains("nameserver") == true)
        #expect(instance.file("/proc/sys/kernel/hostname") == "other\n")
        #expect(instance.file("/proc/sys/fs/binfmt_misc/WSLInterop") == nil)
        let off = try self.instance(manager(conf: "[automount]\nenabled=false\n"))
        #expect(!off.mounts.contains { $0.contains("drvfs") })
    }

    /// Keys do what they do on the build that knows them (RN:17093, RN:17713, RN:18980).
    @Test func keysOfWslConfFollowTheBuild() {
        let text = "[interop]\nappendWindowsPath=false\n[user]\ndefault=me\n[boot]\nsystemd=true\n"
        let late = WslConf(text, build: WSL1Build(19045))
        #expect(!late.appendsWindowsPath && late.defaultUser == "me" && late.ignored == ["boot.systemd"])
        let middle = WslConf(text, build: WSL1Build(17134))
        #expect(middle.appendsWindowsPath && middle.defaultUser == nil)
        #expect(WslConf("[automount]\nenabled=false\n", build: WSL1Build(16299)) == WslConf())
    }

    // MARK: - Programs

    /// A recorded program sees the distribution, init's mounts and what its own recording proves.
    @Test func aRecordedProgramRunsInTheInstance() throws {
        let manager = try manager()
        let instance = try instance(manager)
        let story = try story(
            """
            getpid() -> 100
            openat(AT_FDCWD, "/etc/only-here", O_RDONLY) -> 3
            mkdir("/tmp/made", 0755) -> 0
            child = fork() -> 101
            unshare(CLONE_NEWUSER) -> 0
            """
        )
        let result = Replayer(trace: story.trace).run(on: instance.program())
        #expect(result.failure == nil)
        #expect(result.roots.map(\.name) == ["unshare"], "\(result.roots.map(\.name))")
        #expect(instance.checkInvariants() == [])
        // What it made stays in the instance, for the next program.
        let next = try Story("mkdir(\"/tmp/made\", 0755) -> EEXIST")
        #expect(Replayer(trace: next.trace).run(on: instance.program()).roots.isEmpty)
    }

    @Test func instancesOfOneMachineShareDrivesAndNothingOfLinux() throws {
        let manager = try manager()
        try manager.registry.register(LxssDistribution(name: "Alpine", basePath: "/srv/alpine"))
        try manager.start("Alpine") { _ in [Guest.directory("/tmp", mode: 0o1777), Guest.directory("/etc")] }
        #expect(manager.running.map(\.distribution.name) == ["Debian", "Alpine"])
        let writes = try Story("mkdir(\"/mnt/c/shared\", 0755) -> 0\nmkdir(\"/tmp/own\", 0755) -> 0")
        let reads = try Story("access(\"/mnt/c/shared\", F_OK) -> 0\naccess(\"/tmp/own\", F_OK) -> ENOENT")
        #expect(Replayer(trace: writes.trace).run(on: manager.running[0].program()).roots.isEmpty)
        #expect(Replayer(trace: reads.trace).run(on: manager.running[1].program()).roots.isEmpty)
        #expect(manager.running.allSatisfy { $0.checkInvariants() == [] })
    }

    // MARK: - Stop

    @Test func anIdleInstanceIsStoppedAfterFifteenSeconds() throws {
        let manager = try manager()
        let story = try story("getpid() -> 100")
        let instance = try instance(manager)
        _ = Replayer(trace: story.trace).run(on: instance.program())
        #expect(instance.processes.count == 1)
        manager.advance(by: 60_000_000_000)
        #expect(manager.running.count == 1, "a process of it still runs")
        instance.engine.taskEnded(TaskID(rawValue: LxssInstance.reservedTasks), status: 0)
        instance.programEnded()
        manager.advance(by: 14_000_000_000)
        #expect(manager.running.count == 1)
        manager.advance(by: 1_000_000_000)
        #expect(manager.running.isEmpty)
        #expect(manager.log.contains { $0.source == "RN:18267" })
    }

    /// Before 18267 nothing says that an idle instance ends.
    @Test func idleInstancesOfOldBuildsStay() throws {
        let manager = try manager(build: 17763)
        manager.advance(by: 3_600_000_000_000)
        #expect(manager.running.count == 1)
        #expect(throws: LxssError.self) { try manager.shutdown() }
        try manager.terminate("Debian")
        #expect(manager.running.isEmpty)
    }

    /// Every pico process ends through the job, and Windows' own programs stay.
    @Test func terminateEndsEveryProcessThroughTheJob() throws {
        let manager = try manager()
        let instance = try instance(manager)
        let story = try story("child = fork() -> 101\npause() -> 0")
        _ = Replayer(trace: story.trace).run(on: instance.program())
        #expect(!instance.processes.isEmpty)
        let kernel = instance.engine.kernel
        #expect(kernel.processes.values.contains { $0.kind == .pico })
        try manager.terminate("Debian")
        #expect(!kernel.processes.values.contains { $0.kind == .pico })
        #expect(instance.processes.isEmpty)
        #expect(kernel._checkInvariants() == [])
        #expect(throws: EngineFailure.self) { try instance.program().boot(Environment()) }
    }

    @Test func elevatedAndPlainInstancesRunAtOnceSince17046() throws {
        for (build, isAllowed) in [(16299, false), (17134, true)] {
            let manager = try manager(build: build)
            let second = Result { try manager.start("Debian", isElevated: false) { _ in [Guest.directory("/etc")] } }
            let runs = (try? second.get()) != nil
            #expect(runs == isAllowed, "build \(build)")
        }
    }

    // MARK: - The executive's side

    /// Only an administrator may make NT links; others get the provider's own (RN:17046).
    @Test func aPlainLaunchMakesNoNTLinks() throws {
        for (isElevated, tag) in [(true, ReparsePoint.symbolicLinkTag), (false, WslfsMetadata.symbolicLinkTag)] {
            let manager = LxssManager()
            try manager.registry.register(LxssDistribution(name: "Debian", basePath: "/"))
            let instance = try manager.start("Debian", isElevated: isElevated) { _ in [Guest.directory("/etc")] }
            let program = try Story("mkdir(\"/mnt/c/d\", 0755) -> 0\nsymlink(\"d\", \"/mnt/c/l\") -> 0")
            let result = Replayer(trace: program.trace).run(on: instance.program())
            #expect(result.roots.isEmpty)
            let shown = try instance.engine.host(["metadata", "C:\\l"])
            #expect(shown.contains("tag 0x" + String(tag, radix: 16)), "\(shown)")
            #expect(instance.checkInvariants() == [])
        }
    }
}
