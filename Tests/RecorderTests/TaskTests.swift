// What the log holds of tasks: births with their calls, execs, deaths, signals.
import LinuxABI
import Recorder
import Testing
import TraceLog

extension Recordings {
    @Suite struct Tasks {
        private struct Birth {
            var task: TaskID
            var tid: Int32
            var tgid: Int32
            var parent: TaskID?
            var call: String?
        }

        private func births(_ trace: Trace) -> [Birth] {
            trace.tasks.compactMap { record in
                guard case .created(let tid, let tgid, let parent, let index) = record.kind else { return nil }
                return Birth(
                    task: record.task,
                    tid: tid,
                    tgid: tgid,
                    parent: parent,
                    call: index.map { trace.calls[Int($0)].name }
                )
            }
        }

        private func exits(_ trace: Trace) -> [TaskID: Int32?] {
            var result: [TaskID: Int32?] = [:]
            for record in trace.tasks {
                if case .exited(let status) = record.kind { result[record.task] = .some(status) }
            }
            return result
        }

        @Test(arguments: tiers) func forkVforkAndThreadsAreChildrenOfTheirCalls(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                static void *body(void *x) { syscall(SYS_getpgid, (long)x); return 0; }
                int main() {
                    pthread_t t[4];
                    for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, body, (void *)(i + 1));
                    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
                    if (syscall(SYS_fork) == 0) _exit(3);
                    wait(0);
                    if (vfork() == 0) _exit(4);
                    wait(0);
                    return 5;
                }
                """
            )
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.exitStatus == 5 && result.tasks == 7 && result.notes.isEmpty)
            let births = births(trace)
            #expect(births.count == 7)
            #expect(births.dropFirst().allSatisfy { $0.parent == TaskID(0) })
            #expect(births.first?.parent == nil && births.first?.call == nil)
            let threads = births.dropFirst().prefix(4)
            #expect(threads.allSatisfy { $0.call == "clone3" || $0.call == "clone" })
            #expect(threads.allSatisfy { $0.tgid == births[0].tid && $0.tid != $0.tgid })
            #expect(births.suffix(2).map(\.call) == ["fork", "vfork"])
            #expect(births.suffix(2).allSatisfy { $0.tid == $0.tgid })
            // Each thread's own call is its own.
            for thread in threads { #expect(trace.calls("getpgid", thread.task).count == 1) }
            #expect(Set(trace.calls("getpgid").map { $0.arguments[0] }) == [1, 2, 3, 4])
            let exits = exits(trace)
            #expect(exits.count == 7)
            #expect(births.suffix(2).map { exits[$0.task] } == [3 << 8, 4 << 8])
            #expect(exits[TaskID(0)] == .some(5 << 8))
            #expect(trace.calls("exit_group").allSatisfy { $0.flags.contains(.unfinished) })
        }

        @Test(arguments: tiers) func execIsRecordedWithArgumentsEnvironmentAndAuxv(tier: RecorderOptions.Results) throws
        {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                int main(int c, char **v) {
                    if (c > 1) return 0;
                    char *args[] = {"other name", "second", 0}, *env[] = {"A=b", "MY_TOKEN=very secret", 0};
                    execve("/nonexistent", args, env);
                    execve(v[0], args, env);
                }
                """
            )
            let (_, trace) = try record(scratch, [program], tier, environment: ["PATH=/bin", "API_KEY=abc", "X=y"])
            var executions: [(String, [String], [String], Int)] = []
            for record in trace.tasks {
                if case .executed(let path, let arguments, let environment, let auxv) = record.kind {
                    executions.append((path, arguments, environment, auxv.count))
                }
            }
            #expect(executions.map(\.0) == [program, program])
            #expect(executions.map(\.1) == [[program], ["other name", "second"]])
            #expect(executions.map(\.2) == [["PATH=/bin", "API_KEY=***", "X=y"], ["A=b", "MY_TOKEN=***********"]])
            #expect(executions.allSatisfy { $0.3 > 20 })
            #expect(trace.calls("execve").map(\.result) == [0, -2, 0])
            #expect(trace.snapshot?.environment == ["PATH=/bin", "API_KEY=***", "X=y"])
            #expect(trace.snapshot?.masked == ["API_KEY"])
            // No secret is anywhere in the log's memory.
            let secret = Array("very secret".utf8)
            #expect(
                !trace.calls("execve").flatMap(\.chunks).contains {
                    $0.bytes.starts(with: Array("MY_TOKEN=".utf8) + secret)
                }
            )
            let image = trace.paths.filter { $0.path == program && !$0.head.isEmpty }
            #expect(image.first?.head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) == true)
            #expect(trace.paths.contains { $0.path.contains("ld-linux") && $0.head.count == 256 })

            let (_, kept) = try record(scratch, [program], tier, environment: ["API_KEY=abc"]) {
                $0.keepEnvironment = true
            }
            #expect(kept.snapshot?.environment == ["API_KEY=abc"])
        }

        @Test(arguments: tiers) func aThreadsExecTakesOverTheProcess(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                static char *self;
                static void *body(void *x) { usleep(50000); execl(self, self, "again", (char *)0); return 0; }
                int main(int c, char **v) {
                    if (c > 1) { syscall(SYS_getpgid, 77); return 6; }
                    self = v[0];
                    pthread_t t;
                    pthread_create(&t, 0, body, 0);
                    pause();
                }
                """
            )
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.exitStatus == 6 && result.tasks == 2)
            let births = births(trace)
            let last = try #require(trace.calls("getpgid").last)
            // The task that called execve goes on, under the process's id.
            #expect(last.task == births.last?.task)
            #expect(trace.calls("execve").map(\.result) == [0, 0])
            // The leader never came back from pause; the tracepoint still saw it leave with ERESTARTNOHAND.
            let pause = try #require(trace.calls("pause").first)
            #expect(pause.flags.contains(.unfinished) || pause.result == -514)
            #expect(exits(trace)[last.task] == .some(6 << 8))
            #expect(trace.signals.isEmpty)
        }

        @Test(arguments: tiers) func signalsAndRestartsAreRecordedAsTheKernelSeesThem(tier: RecorderOptions.Results)
            throws
        {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                static void on(int s) {}
                static void go(int flags) {
                    struct sigaction a = {.sa_handler = on, .sa_flags = flags};
                    sigaction(SIGALRM, &a, 0);
                    int p[2];
                    pipe(p);
                    if (fork() == 0) { usleep(60000); write(p[1], "x", 1); _exit(0); }
                    struct itimerval t = {.it_value = {.tv_usec = 20000}};
                    setitimer(ITIMER_REAL, &t, 0);
                    char c;
                    read(p[0], &c, 1);
                    wait(0);
                }
                int main() { sigset_t none; sigemptyset(&none); sigprocmask(SIG_SETMASK, &none, 0); go(SA_RESTART); go(0); struct timespec t = {0, 30000000};
                    if (fork() == 0) { raise(SIGTERM); _exit(0); } wait(0); nanosleep(&t, 0); }
                """
            )
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.exitStatus == 0 && result.notes.isEmpty)
            let reads = trace.calls("read", TaskID(0)).suffix(3)
            // From inside the process a call that is not made again has the result that the program sees.
            #expect(reads.map(\.result) == [-512, 1, trace.header.tier == "fast" ? -4 : -512])
            #expect(reads.dropFirst().first?.bytes(.output) == [UInt8(ascii: "x")])
            let alarms = trace.signals.filter { $0.signal == 14 }
            #expect(
                alarms.count == 2 && alarms.allSatisfy { $0.handler > 1 && $0.code == 0x80 && $0.task == TaskID(0) }
            )
            let terminated = trace.signals.filter { $0.signal == 15 }
            #expect(terminated.count == 1 && terminated.first?.handler == 0 && terminated.first?.code == -6)
            #expect(terminated.first.map { exits(trace)[$0.task] } == .some(.some(15)))
        }

        @Test(arguments: tiers) func theStatusOfAKilledProgramIsPassedOn(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile("int main() { kill(getpid(), SIGKILL); }")
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.exitStatus == 137 && result.terminatingSignal == 9)
            #expect(trace.trailer?.status == 9 && trace.trailer?.reason == "exited")
            #expect(exits(trace)[TaskID(0)] == .some(9))
            #expect(trace.signals.map(\.signal) == [9])
        }

        @Test(arguments: tiers) func manyShortProcessesAndThreadsLoseNothing(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                static void *body(void *x) { for (int i = 0; i < 50; i++) syscall(SYS_getpgid, i + 1000000); return 0; }
                int main() {
                    for (int round = 0; round < 10; round++) {
                        for (int p = 0; p < 4; p++) if (fork() == 0) {
                            pthread_t t[3];
                            for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, body, 0);
                            for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
                            _exit(0);
                        }
                        while (wait(0) > 0);
                    }
                }
                """
            )
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.tasks == 1 + 10 * 4 * 4 && result.notes.isEmpty)
            let calls = trace.calls("getpgid")
            #expect(calls.count == 10 * 4 * 3 * 50)
            #expect(calls.allSatisfy { $0.result == -3 })
            for (_, own) in Dictionary(grouping: calls, by: \.task) {
                #expect(own.map { $0.arguments[0] } == (0..<50).map { UInt64($0 + 1_000_000) })
            }
            #expect(exits(trace).count == result.tasks)
        }
    }
}
