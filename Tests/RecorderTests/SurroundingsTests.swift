// What a recording says of the world around the program: paths, start snapshot.
import Glibc
import Recorder
import Testing
import TraceLog

extension Recordings {
    @Suite struct Surroundings {
        @Test(arguments: tiers) func everyComponentIsNotedOnceWithLinksAndAbsence(tier: RecorderOptions.Results) throws
        {
            let scratch = try Scratch()
            shell(
                "cd \(scratch.path); mkdir -p real/deep; echo text > real/deep/file; ln -s real link; ln -s ../gone real/dangling"
            )
            let program = try scratch.compile(
                """
                int main(int c, char **v) {
                    chdir(v[1]);
                    for (int i = 0; i < 3; i++) {
                        access("link/deep/file", 0);
                        access("real/dangling", 0);
                        access("real/deep/../absent/more", 0);
                        close(openat(open("link/deep", O_RDONLY | O_DIRECTORY), "file", O_RDONLY));
                    }
                    mkdir("made", 0700);
                    chdir("made");
                    access("inside", 0);
                }
                """
            )
            let (_, trace) = try record(scratch, [program, scratch.path], tier)
            let own = trace.paths.filter { $0.path.hasPrefix(scratch.path + "/") && $0.path != program }
            let names = own.map { String($0.path.dropFirst(scratch.path.count + 1)) }
            #expect(
                names == [
                    "link", "real", "real/deep", "real/deep/file", "real/dangling", "gone", "real/absent", "made",
                    "made/inside",
                ]
            )
            #expect(own.map(\.absent) == [nil, nil, nil, nil, nil, 2, 2, 2, 2] || own.last?.absent == 2)
            #expect(own.first?.linkTarget == "real" && own[4].linkTarget == "../gone")
            #expect(own[3].status.size == 5 && own[1].status.mode & 0o170000 == 0o040000)
            #expect(trace.paths.first?.path == "/")
            #expect(own.allSatisfy { Int($0.beforeCall) < trace.calls.count })
        }

        @Test(arguments: tiers) func theStartIsDescribed(tier: RecorderOptions.Results) throws {
            let scratch = try Scratch()
            try scratch.write("in", "text")
            let fd = open(scratch.file("in"), O_RDONLY)
            defer { close(fd) }
            lseek(fd, 2, SEEK_SET)
            let (_, trace) = try record(scratch, ["/bin/true"], tier, environment: ["A=b"])
            let snapshot = try #require(trace.snapshot)
            #expect(snapshot.arguments == ["/bin/true"] && snapshot.environment == ["A=b"])
            #expect(snapshot.uids.count == 4 && snapshot.uids[0] == getuid() && snapshot.parent == getpid())
            #expect(snapshot.limits.count == 16 && snapshot.capabilities.count == 5)
            let descriptor = try #require(snapshot.descriptors.first { $0.fd == fd })
            #expect(descriptor.target == scratch.file("in") && descriptor.offset == 2 && descriptor.status.size == 4)
            #expect(snapshot.workingDirectory == getcwd())
            #expect(!snapshot.mounts.isEmpty && snapshot.namespaces["mnt"]?.hasPrefix("mnt:[") == true)
            #expect(trace.header.command == ["/bin/true"] && trace.header.results == tier.rawValue)
            #expect(trace.header.payloadLimit == 65536)
        }

        private func getcwd() -> String {
            var buffer = [CChar](repeating: 0, count: 4096)
            return Glibc.getcwd(&buffer, 4096).map { String(cString: $0) } ?? ""
        }
    }
}
