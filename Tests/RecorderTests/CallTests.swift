// What the log holds of single calls: order, results, memory, faults.
import LinuxABI
import Recorder
import Testing
import TraceLog

extension Recordings {
    @Suite struct Calls {
        @Test(arguments: tiers) func everyCallOfALoopIsThereInOrder(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                "int main() { for (int i = 0; i < 2000; i++) syscall(SYS_kill, 0x7ffffff0, i % 64); }"
            )
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.exitStatus == 0 && result.notes.isEmpty)
            let calls = trace.calls("kill")
            #expect(calls.map { $0.arguments[1] } == (0..<2000).map { UInt64($0 % 64) })
            #expect(calls.allSatisfy { $0.result == -3 && $0.flags.isEmpty && $0.exitTime >= $0.entryTime })
            #expect(zip(calls, calls.dropFirst()).allSatisfy { $0.exitTime <= $1.entryTime })
        }

        @Test(arguments: tiers) func buffersOfReadsAndWritesAreKept(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                int main(int c, char **v) {
                    int fd = open(v[1], O_RDWR | O_CREAT, 0600);
                    struct iovec two[2] = {{"hello ", 6}, {"world", 5}};
                    writev(fd, two, 2);
                    char a[4] = {0}, b[100] = {0};
                    struct iovec in[2] = {{a, 4}, {b, 100}};
                    lseek(fd, 0, SEEK_SET);
                    readv(fd, in, 2);
                    char d[64];
                    pread(fd, d, 64, 6);
                }
                """
            )
            let (_, trace) = try record(scratch, [program, scratch.file("data")], tier)
            let path = scratch.file("data")
            let opened = try #require(trace.calls("openat").last)
            #expect(opened.bytes(.input) == Array(path.utf8) + [0])
            let written = try #require(trace.calls("writev").last)
            #expect(written.result == 11)
            #expect(written.chunks(.input).dropFirst().map(\.bytes) == [Array("hello ".utf8), Array("world".utf8)])
            let read = try #require(trace.calls("readv").last)
            #expect(read.chunks(.output).map(\.bytes) == [Array("hell".utf8), Array("o world".utf8)])
            let positioned = try #require(trace.calls("pread64").last)
            #expect(positioned.bytes(.output) == Array("world".utf8))
            #expect(positioned.chunks(.output).first?.address == positioned.arguments[1])
            #expect(trace.paths.contains { $0.path == path && $0.absent == 2 })
        }

        @Test(arguments: tiers) func badPointersAreFaultsNotLosses(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                int main() {
                    char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                    munmap(pages + 4096, 4096);
                    strcpy(pages + 4090, "/etc/");
                    syscall(SYS_access, (char *)8, 0);
                    syscall(SYS_access, pages + 4090, 0);
                    pages[4095] = 'x';
                    syscall(SYS_access, pages + 4090, 0);
                    syscall(SYS_pread64, open("/dev/zero", O_RDONLY), (void *)16, 10, 0);
                }
                """
            )
            let (_, trace) = try record(scratch, [program], tier)
            let calls = trace.calls("access").suffix(3)
            #expect(calls.map(\.result) == [-14, 0, -14])
            #expect(calls.map { $0.flags.contains(.inputFault) } == [true, false, true])
            #expect(calls.dropFirst().first?.bytes(.input) == Array("/etc/".utf8) + [0])
            #expect(trace.calls("pread64").last?.result == -14)
        }

        @Test(arguments: tiers) func longBuffersAreCutWithLengthAndHash(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                int main(int c, char **v) {
                    static char big[200000], back[300000];
                    for (int i = 0; i < sizeof big; i++) big[i] = i * 7;
                    int fd = open(v[1], O_RDWR | O_CREAT, 0600);
                    pwrite(fd, big, sizeof big, 0);
                    pread(fd, back, sizeof back, 0);
                    pread(fd, back, 1000, 0);
                }
                """
            )
            let big = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
            let (_, trace) = try record(scratch, [program, scratch.file("data")], tier)
            let written = try #require(trace.calls("pwrite64").last?.chunks(.input).first)
            #expect(written.bytes == Array(big.prefix(65536)) && written.length == 200_000 && written.hash != .zero)
            let reads = trace.calls("pread64").suffix(2).map { $0.chunks(.output) }
            #expect(reads.first?.count == 1)
            #expect(reads.first?.first?.bytes == Array(big.prefix(65536)) && reads.first?.first?.length == 200_000)
            #expect(reads.last?.first?.bytes == Array(big.prefix(1000)))

            let (_, full) = try record(scratch, [program, scratch.file("data")], tier) { $0.payload = .full }
            #expect(full.calls("pread64").suffix(2).first?.bytes(.output) == big)
            #expect(full.calls("pwrite64").last?.bytes(.input) == big)
            let (_, none) = try record(scratch, [program, scratch.file("data")], tier) { $0.payload = .none }
            let bare = try #require(none.calls("pread64").suffix(2).first?.chunks(.output).first)
            #expect(bare.bytes.isEmpty && bare.length == 200_000)
        }

        @Test(arguments: tiers) func socketMessagesAreKeptWithNamesAndControl(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                int main() {
                    int pair[2];
                    syscall(SYS_close_range, 3, ~0U, 0);  // what the tests were started with
                    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
                    struct iovec out = {"message", 7};
                    struct msghdr m = {.msg_iov = &out, .msg_iovlen = 1};
                    sendmsg(pair[0], &m, 0);
                    char text[100];
                    struct iovec in = {text, 100};
                    struct msghdr r = {.msg_iov = &in, .msg_iovlen = 1};
                    recvmsg(pair[1], &r, 0);
                    send(pair[0], "again", 5, 0);
                    recv(pair[1], text, 100, 0);
                }
                """
            )
            let (_, trace) = try record(scratch, [program], tier)
            let pair = try #require(trace.calls("socketpair").last)
            #expect(pair.bytes(.output) == [3, 0, 0, 0, 4, 0, 0, 0])
            #expect(trace.calls("sendmsg").last?.chunks(.input).last?.bytes == Array("message".utf8))
            #expect(trace.calls("recvmsg").last?.chunks(.output).contains { $0.bytes == Array("message".utf8) } == true)
            #expect(trace.calls("recvfrom").last?.bytes(.output) == Array("again".utf8))
        }

        @Test(arguments: tiers.filter { $0 == .ebpf }) func callsDeniedByTheProgramsOwnFilterAreMarked(
            tier: RecorderOptions.Results
        ) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                """
                int main() {
                    struct sock_filter f[] = {
                        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 37), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
                    struct sock_fprog p = {4, f};
                    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                    syscall(SYS_seccomp, 1, 0, &p);
                    for (int i = 0; i < 10; i++) syscall(SYS_getpgid, 1000 + i);
                    if (fork() == 0) { syscall(SYS_getpgid, 7); _exit(0); }
                    wait(0);
                }
                """
            )
            let (_, trace) = try record(scratch, [program], tier)
            let denied = trace.calls.filter { $0.flags.contains(.denied) }
            #expect(denied.map(\.name) == Array(repeating: "getpgid", count: 11))
            #expect(denied.map { $0.arguments[0] } == (1000..<1010).map { UInt64($0) } + [7])
            #expect(denied.allSatisfy { $0.result == -37 })
        }

        @Test(arguments: tiers) func interruptEightyIsRecordedAsA32BitCall(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            let program = try scratch.compile(
                #"int main() { long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20), "b"(5) : "memory"); return r != getpid(); }"#
            )
            let (result, trace) = try record(scratch, [program], tier)
            #expect(result.exitStatus == 0)
            let call = try #require(trace.calls.first { $0.architecture == .i386 })
            #expect(call.number == 20 && call.result > 0 && call.flags.contains(.opaque))
        }
    }
}
