// How recordings end: limits, deaths, errors; and what the workload notices of it (nothing).
import CLinux
import Glibc
import Recorder
import Testing
import TraceLog

extension Recordings {
    @Suite struct Ends {
        @Test func aMissingProgramIsAClearError() throws {
            let scratch = try Scratch()
            try scratch.write("text", "no program")
            for (name, code, status) in [
                ("no-such-program-anywhere", RecorderError.Code.missingProgram, Int32(127)),
                (scratch.file("text"), .notExecutable, 126), ("/nonexistent/x", .missingProgram, 127),
                (scratch.path, .notExecutable, 126),
            ] {
                let error = #expect(throws: RecorderError.self) { try record(scratch, [name], .automatic) }
                #expect(error?.code == code && error?.exitStatus == status)
                #expect(error?.message.contains(name) == true)
                #expect(error?.message.contains("\n") == false)
            }
        }

        @Test(arguments: tiers) func whatTheKernelCannotExecuteIsSaid(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            try scratch.write("text", "\u{1}\u{2}")
            chmod(scratch.file("text"), 0o755)
            let error = #expect(throws: RecorderError.self) { try record(scratch, [scratch.file("text")], tier) }
            #expect(error?.code == .notExecutable && error?.errno == ENOEXEC)
            #expect(access(scratch.file("log.lacuna"), F_OK) != 0)
        }

        @Test(arguments: tiers) func atTheTimeLimitTheWorkloadGoesOnUnrecorded(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let command = [
                "/bin/sh", "-c",
                // Both processes wait at the limit, also where starting them takes long.
                "sleep 2; echo done > \(scratch.file("out")); exit 9",
            ]
            let (result, trace) = try record(scratch, command, tier) { $0.timeout = 1 }
            #expect(result.reason == "timeout" && trace.trailer?.reason == "timeout")
            #expect(result.exitStatus == 9)
            #expect(scratch.read("out") == "done\n")
            #expect(trace.recovery.isComplete && !trace.calls.isEmpty)
            #expect(trace.calls.contains { $0.flags.contains(.unfinished) })
        }

        @Test(arguments: tiers) func atALimitTheWorkloadCanBeLeftOrKilled(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let command = ["/bin/sh", "-c", "sleep 0.5; sleep 0.2; echo done > \(scratch.file("out"))"]
            let (killed, _) = try record(scratch, command, tier) {
                $0.timeout = 0.1
                $0.atLimit = .kill
            }
            #expect(killed.exitStatus == 137 && killed.reason == "timeout")
            let (left, _) = try record(scratch, command, tier) {
                $0.timeout = 0.1
                $0.atLimit = .leave
            }
            #expect(left.exitStatus == nil && scratch.read("out").isEmpty)
            #expect(waitFor { scratch.read("out") == "done\n" })
        }

        @Test(arguments: tiers) func tasksAndBytesAreLimited(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let command = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true; sleep 0.05; done; exit 4"]
            let (result, _) = try record(scratch, command, tier) { $0.followLimit = 3 }
            #expect(result.reason == "follow-limit" && result.exitStatus == 4 && result.tasks < 18)
            let large = [
                "/bin/sh", "-c",
                "for i in 1 2 3 4 5 6; do head -c 3000000 /dev/urandom > /dev/null; sleep 0.3; done; exit 5",
            ]
            let (cut, trace) = try record(scratch, large, tier) { $0.maximumSize = 1_000_000 }
            #expect(cut.reason == "max-size" && cut.exitStatus == 5 && trace.recovery.isComplete)
        }

        @Test(arguments: tiers) func theRecordersDeathLeavesTheWorkloadUnharmed(tier: RecorderOptions.Results)
            async throws
        {
            setenv("LACUNA_TEST_TIER", tier.rawValue, 1)
            let scratch = try Scratch()
            setenv("LACUNA_TEST_SCRATCH", scratch.path, 1)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                let scratch = String(cString: getenv("LACUNA_TEST_SCRATCH"))
                var options = RecorderOptions()
                options.results =
                    RecorderOptions.Results(rawValue: String(cString: getenv("LACUNA_TEST_TIER"))) ?? .automatic
                options.output = scratch + "/log.lacuna"
                options.command = [
                    "/bin/sh", "-c",
                    "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1; echo $i >> \(scratch)/out; done; echo end >> \(scratch)/out",
                ]
                var thread = pthread_t()
                pthread_create(
                    &thread,
                    nil,
                    { _ in
                        // Long enough for the log to have been flushed.
                        var status = stat()
                        while stat(String(cString: getenv("LACUNA_TEST_SCRATCH")) + "/out", &status) != 0
                            || status.st_size < 12
                        {
                            usleep(5000)
                        }
                        kill(getpid(), SIGKILL)
                        return nil
                    },
                    nil
                )
                _ = try Recorder(options: options).run()
            }
            #expect(waitFor { scratch.read("out").hasSuffix("end\n") })
            #expect(scratch.read("out") == (1...12).map { "\($0)\n" }.joined() + "end\n")
            let trace = try Trace.load(path: scratch.file("log.lacuna"))
            #expect(!trace.recovery.isComplete && trace.trailer == nil)
            #expect(trace.calls.count > 20)
        }

        @Test func anUnprivilegedUserRecordsWithPtrace() async throws {
            let scratch = try Scratch()
            setenv("LACUNA_TEST_SCRATCH", scratch.path, 1)
            await #expect(processExitsWith: .exitCode(7)) {
                let scratch = String(cString: getenv("LACUNA_TEST_SCRATCH"))
                if getuid() == 0 {
                    setgid(65534)
                    setuid(65534)
                    // PR_SET_DUMPABLE: a process that changed its uid may not be traced, nor may its children before exec.
                    _ = CLinux_syscall(157, 4, 1, 0, 0, 0, 0)
                }
                var options = RecorderOptions()
                options.output = scratch + "/log.lacuna"
                options.command = ["/bin/sh", "-c", "id -u > \(scratch)/out; exit 7"]
                let result = try Recorder(options: options).run()
                exit(result.results == "ptrace" ? result.exitStatus ?? 1 : 1)
            }
            #expect(Int(scratch.read("out").split(separator: "\n").first ?? "") ?? 0 > 0)
            let trace = try Trace.load(path: scratch.file("log.lacuna"))
            #expect(trace.header.results == "ptrace" && trace.recovery.isComplete && trace.calls("execve").count >= 2)
        }

        @Test(arguments: tiers) func aFullDiskIsAClearErrorAndTheWorkloadEnds(tier: RecorderOptions.Results)
            async throws
        {
            setenv("LACUNA_TEST_TIER", tier.rawValue, 1)
            let scratch = try Scratch()
            setenv("LACUNA_TEST_SCRATCH", scratch.path, 1)
            await #expect(processExitsWith: .exitCode(0)) {
                let scratch = String(cString: getenv("LACUNA_TEST_SCRATCH"))
                // A file size limit stands in for a full disk.
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit(rlim_cur: 50_000, rlim_max: 50_000)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                var options = RecorderOptions()
                options.results =
                    RecorderOptions.Results(rawValue: String(cString: getenv("LACUNA_TEST_TIER"))) ?? .automatic
                options.output = scratch + "/log.lacuna"
                options.command = [
                    "/bin/sh", "-c",
                    "sleep 0.6; for i in 1 2 3 4; do head -c 300000 /dev/urandom > /dev/null; sleep 0.4; done; echo end > \(scratch)/out",
                ]
                do {
                    _ = try Recorder(options: options).run()
                    exit(1)
                } catch let error as RecorderError {
                    exit(error.code == .log && error.message.contains("log.lacuna") ? 0 : 2)
                }
            }
            #expect(scratch.read("out") == "end\n")
            #expect(try !Trace.load(path: scratch.file("log.lacuna")).calls.isEmpty)
        }

        private func waitFor(_ condition: () -> Bool) -> Bool {
            for _ in 0..<200 {
                if condition() { return true }
                usleep(50_000)
            }
            return false
        }
    }
}
