// fork, wait, exec, signals and their raw results.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct ProcessTests {
    @Test func forkThenWait() throws {
        let guest = try Guest()
        let child = try guest.fork()
        let pid = try #require(try guest.call("getpid", task: child).value)
        #expect(pid == 101)
        #expect(try guest.call("getppid", task: child).value == 100)
        #expect(try guest.call("wait4", -1, .room(4), .flags("WNOHANG"), 0).value == 0)
        #expect(try guest.call("wait4", -1, .room(4), 0, 0).isBlocked)
        #expect(try guest.retry().isBlocked)
        #expect(try guest.call("exit_group", 7, task: child).hasExited)
        let waited = try guest.retry()
        #expect(waited.value == pid)
        #expect(waited.int32(1) == 7 << 8)
        #expect(try guest.call("wait4", -1, 0, 0, 0).errno == .ECHILD)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func aKilledChildReportsItsSignal() throws {
        let guest = try Guest()
        let child = try guest.fork()
        #expect(try guest.call("kill", 101, 9).value == 0)
        #expect(try guest.call("getpid", task: child).hasExited)
        let info = try guest.call("waitid", 0, 0, .room(128), .flags("WEXITED"), 0)
        #expect(info.value == 0)
        #expect(info.int32(2, at: 8) == 2)
        #expect(info.int32(2, at: 24) == 9)
    }

    @Test func orphansGoToTheSubreaper() throws {
        let guest = try Guest()
        #expect(try guest.call("prctl", .flags("PR_SET_CHILD_SUBREAPER"), 1).value == 0)
        let child = try guest.fork()
        let grandchild = try guest.fork(task: child)
        _ = try guest.call("exit_group", 0, task: child)
        #expect(try guest.call("getppid", task: grandchild).value == 100)
        #expect(try guest.call("wait4", -1, 0, 0, 0).value == 101)
        _ = try guest.call("exit_group", 3, task: grandchild)
        #expect(try guest.call("wait4", -1, 0, 0, 0).value == 102)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func theInitOfANamespaceOutlivesItsParent() throws {
        let guest = try Guest()
        let maker = try guest.fork()
        let first = TaskID(rawValue: 2)
        let flags = Argument.number(Int64(ABI.constant("CLONE_NEWPID")) | 17)
        #expect(try guest.call("clone", flags, 0, 0, 0, 0, task: maker).value == 102)
        _ = try guest.call("exit_group", 0, task: maker)
        #expect(try guest.call("getppid", task: first).value == 0)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func execResetsWhatItShould() throws {
        let guest = try Guest { environment in
            environment.files.append(Guest.file("/bin/script", "#!/bin/test -x\n", mode: 0o755))
            environment.files.append(Guest.file("/bin/text", "not a program", mode: 0o755))
            var elf32 = Guest.program("/bin/elf32")
            elf32.content[0].bytes[4] = 1
            environment.files.append(elf32)
        }
        let kept = try guest.open("/etc/hosts")
        let closed = try guest.open("/etc/hosts", .flags("O_CLOEXEC"))
        var action = LxpBytes()
        for word in [0x400000, 0, 0, 0] as [UInt64] { action.add(word) }
        #expect(try guest.call("rt_sigaction", 10, .bytes(action.bytes), 0, 8).value == 0)
        #expect(try guest.call("execve", "/bin/text", .strings(["t"]), .strings([])).errno == .ENOEXEC)
        let refused = try guest.call("execve", "/bin/elf32", .strings(["t"]), .strings([]))
        #expect(refused.errno == .ENOEXEC)
        #expect(refused.result.evidence.source == "GH:390")
        #expect(try guest.call("execve", "/etc/hosts", .strings(["t"]), .strings([])).errno == .EACCES)
        #expect(try guest.call("execve", "/bin/script", .strings(["script", "arg"]), .strings(["A=b"])).value == 0)
        let group = try #require(guest.engine.thread(guest.root)?.group)
        #expect(group.arguments == ["/bin/test", "-x", "/bin/script", "arg"])
        #expect(try guest.call("fcntl", .number(kept), .flags("F_GETFD")).value == 0)
        #expect(try guest.call("fcntl", .number(closed), .flags("F_GETFD")).errno == .EBADF)
        #expect(try guest.call("rt_sigaction", 10, 0, .room(32), 8).uint64(2) == 0)
        #expect(try guest.call("prctl", .flags("PR_GET_NAME"), .room(16)).text(1, 6) == "script")
    }

    @Test func vforkWaitsForExec() throws {
        let guest = try Guest()
        let child = TaskID(rawValue: 1)
        #expect(try guest.call("vfork").isBlocked)
        #expect(try guest.retry().isBlocked)
        #expect(try guest.call("execve", "/bin/test", .strings(["t"]), .strings([]), task: child).value == 0)
        #expect(try guest.retry().value == 101)
        _ = try guest.call("exit_group", 0, task: child)
        #expect(guest.engine.checkInvariants() == [])
    }

    /// A new image is a new pico process; its threads live and die in that one.
    @Test func aThreadOfAnExecutedProgramEndsAlone() throws {
        let guest = try Guest()
        let child = TaskID(rawValue: 1)
        #expect(try guest.call("vfork").isBlocked)
        let executed = try guest.call("execve", "/bin/test", .strings(["t"]), .strings([]), task: child)
        let steps = executed.result.evidence.steps.map(\.name)
        #expect(steps.contains("PspCreatePicoProcess") && !steps.contains("PspTerminatePicoProcess"))
        #expect(try guest.retry().value != nil)
        let thread = try guest.makeThread(task: child)
        #expect(try guest.call("exit", 0, task: thread).hasExited)
        #expect(try guest.call("getpid", task: child).value != nil)
        let again = try guest.call("execve", "/bin/test", .strings(["t"]), .strings([]), task: child)
        #expect(again.result.evidence.steps.contains { $0.name == "PspTerminatePicoProcess" })
    }

    @Test func threadsShareDescriptorsAndDieTogether() throws {
        let guest = try Guest()
        let thread = try guest.makeThread()
        #expect(try guest.call("getpid", task: thread).value == 100)
        #expect(try guest.call("gettid", task: thread).value == 101)
        let fd = try guest.open("/etc/hosts", task: thread)
        #expect(try guest.read(fd, 3).text(1, 3) == "127")
        #expect(guest.engine.checkInvariants() == [])
        #expect(try guest.call("exit_group", 0).hasExited)
        #expect(try guest.call("gettid", task: thread).hasExited)
    }

    // MARK: - Signals

    private func handle(_ guest: Guest, _ signal: Int64, flags: String? = nil, task: TaskID? = nil) throws {
        var action = LxpBytes()
        action.add(UInt64(0x401000))
        action.add(flags.map(ABI.constant) ?? 0)
        action.add(UInt64(0))
        action.add(UInt64(0))
        #expect(try guest.call("rt_sigaction", .number(signal), .bytes(action.bytes), 0, 8, task: task).value == 0)
    }

    @Test func aHandlerInterruptsAReadAndReturns() throws {
        let guest = try Guest()
        let child = try guest.fork()
        let ends = try guest.pipe(task: child)
        try handle(guest, 10, task: child)
        #expect(try guest.read(ends.read, task: child).isBlocked)
        #expect(try guest.call("kill", 101, 10).value == 0)
        let interrupted = try guest.retry(child)
        #expect(interrupted.value == -512)
        #expect(interrupted.result.signals == [10])
        // In the handler the signal is blocked; afterwards the read answered EINTR.
        let mask = try guest.call("rt_sigprocmask", 0, 0, .room(8), 8, task: child)
        #expect(mask.uint64(2) == 1 << 9)
        #expect(try guest.call("rt_sigreturn", task: child).value == -4)
        #expect(try guest.call("rt_sigprocmask", 0, 0, .room(8), 8, task: child).uint64(2) == 0)
    }

    @Test func whatWasHeldBackComesWithTheCallThatLeavesItOut() throws {
        let guest = try Guest()
        let child = try guest.fork()
        try handle(guest, 10, task: child)
        guest.engine.hold(1 << 9, for: child)
        #expect(try guest.call("kill", 101, 10).value == 0)
        #expect(try guest.call("getpid", task: child).result.signals.isEmpty)
        // Not before the wait, which would then have nothing to end it.
        guest.engine.hold(0, for: child)
        let interrupted = try guest.call("pause", task: child)
        #expect(interrupted.value == -514)
        #expect(interrupted.result.signals == [10])
    }

    @Test func restartedCallsGoBackToTheNumber() throws {
        let guest = try Guest()
        let child = try guest.fork()
        let ends = try guest.pipe(task: child)
        try handle(guest, 10, flags: "SA_RESTART", task: child)
        #expect(try guest.read(ends.read, task: child).isBlocked)
        _ = try guest.call("kill", 101, 10)
        #expect(try guest.retry(child).value == -512)
        // rt_sigreturn leaves the number of read, which is 0, in the register.
        #expect(try guest.call("rt_sigreturn", task: child).value == 0)
    }

    @Test func rawResultsOfInterruptedWaits() throws {
        let cases: [(String, [Argument], Int64)] = [
            ("pause", [], -514), ("rt_sigsuspend", [.bytes([UInt8](repeating: 0, count: 8)), 8], -514),
            ("poll", [0, 0, -1], -516), ("select", [0, 0, 0, 0, 0], -514), ("wait4", [-1, 0, 0, 0], -512),
        ]
        for (name, arguments, expected) in cases {
            let guest = try Guest()
            let child = try guest.fork()
            if name == "wait4" { _ = try guest.fork(task: child) }
            try handle(guest, 12, task: child)
            #expect(try guest.call(name, arguments, task: child).isBlocked, "\(name)")
            _ = try guest.call("kill", 101, 12)
            #expect(try guest.retry(child).value == expected, "\(name)")
        }
    }

    @Test func aRestartThatIsInterruptedGoesOnWithTheSameCall() throws {
        let guest = try Guest()
        let child = try guest.fork()
        try handle(guest, 12, task: child)
        #expect(try guest.call("poll", 0, 0, -1, task: child).isBlocked)
        for _ in 0..<3 {
            _ = try guest.call("kill", 101, 12)
            #expect(try guest.retry(child).value == -516)
            _ = try guest.call("rt_sigreturn", task: child)
            let again = try guest.call("restart_syscall", task: child)
            #expect(again.isBlocked, "\(again.result.outcome)")
        }
    }

    @Test func stopAndContinueAreReported() throws {
        let guest = try Guest()
        let child = try guest.fork()
        _ = try guest.call("kill", 101, .flags("SIGSTOP"))
        // A thread that is seen to make a call has not been taken by the stop yet.
        #expect(try guest.call("getpid", task: child).value == 101)
        let stopped = try guest.call("wait4", -1, .room(4), .flags("WUNTRACED"), 0)
        #expect(stopped.value == 101)
        #expect(stopped.int32(1) == Int32(ABI.constant("SIGSTOP")) << 8 | 0x7f)
        _ = try guest.call("kill", 101, .flags("SIGCONT"))
        let proceeding = try guest.call("wait4", -1, .room(4), .flags("WCONTINUED"), 0)
        #expect(proceeding.int32(1) == 0xffff)
    }

    @Test func blockedSignalsWaitAndAreTaken() throws {
        let guest = try Guest()
        let set = Argument.bytes([0, 2, 0, 0, 0, 0, 0, 0])
        #expect(try guest.call("rt_sigprocmask", 0, set, 0, 8).value == 0)
        #expect(try guest.call("kill", 100, 10).value == 0)
        #expect(try guest.call("rt_sigpending", .room(8), 8).uint64(0) == 1 << 9)
        #expect(try guest.call("rt_sigtimedwait", set, .room(128), 0, 8).value == 10)
        #expect(try guest.call("rt_sigpending", .room(8), 8).uint64(0) == 0)
    }

    @Test func alarmsFireByTheClock() throws {
        let guest = try Guest()
        try handle(guest, 14)
        #expect(try guest.call("alarm", 2).value == 0)
        #expect(try guest.call("pause").isBlocked)
        guest.engine.advance(to: 1_000_000_000)
        #expect(try guest.retry().isBlocked)
        guest.engine.advance(to: 2_000_000_000)
        let woken = try guest.retry()
        #expect(woken.value == -514)
        #expect(woken.result.signals == [14])
    }

    @Test func sleepEndsAtItsTime() throws {
        let guest = try Guest()
        var time = LxpBytes()
        time.add(Int64(0))
        time.add(Int64(5_000_000))
        #expect(try guest.call("nanosleep", .bytes(time.bytes), 0).isBlocked)
        guest.engine.advance(to: 4_999_999)
        #expect(try guest.retry().isBlocked)
        guest.engine.advance(to: 5_000_000)
        #expect(try guest.retry().value == 0)
    }

    @Test func childExitIsSignalled() throws {
        let guest = try Guest()
        try handle(guest, 17)
        let child = try guest.fork()
        _ = try guest.call("exit_group", 0, task: child)
        #expect(try guest.call("getpid").result.signals == [17])
    }

    @Test func sessionsAndGroups() throws {
        let guest = try Guest()
        #expect(try guest.call("setsid").errno == .EPERM)
        let child = try guest.fork()
        #expect(try guest.call("setpgid", 101, 101).value == 0)
        #expect(try guest.call("getpgrp", task: child).value == 101)
        #expect(try guest.call("wait4", -100, 0, .flags("WNOHANG"), 0).errno == .ECHILD)
        #expect(try guest.call("wait4", -101, 0, .flags("WNOHANG"), 0).value == 0)
        let grandchild = try guest.fork(task: child)
        #expect(try guest.call("setsid", task: grandchild).value == 102)
        #expect(try guest.call("getsid", 0, task: grandchild).value == 102)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func droppingRootDropsCapabilities() throws {
        let guest = try Guest()
        #expect(try guest.call("setuid", 1000).value == 0)
        #expect(try guest.call("geteuid").value == 1000)
        #expect(try guest.call("setuid", 0).errno == .EPERM)
        #expect(try guest.call("sethostname", "x", 1).errno == .EPERM)
        #expect(try guest.call("unshare", .flags("CLONE_NEWUTS")).errno == .EPERM)
    }
}
