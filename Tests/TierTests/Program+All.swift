// Every program that must not notice that it is recorded.

extension Program {
    /// A C program of the same name under Programs/, as is.
    static func c(_ name: String, share: Double = 0) -> Program {
        Program(name: name, source: "\(name).c", share: share)
    }

    static let signals = Program.c("signals", share: 0.9)

    static let all: [Program] = [
        // MARK: - Signals and stacks
        .c("restarts"),
        .c("altstack", share: 0.1),
        .c("coroutines", share: 0.5),
        .c("tightstack"),

        // MARK: - Births and ends
        .c("forks", share: 0.1),
        .c("spawns", share: 0.1),
        Program(
            name: "parallel make",
            command: ["make", "-s", "-j4", "-C", "{folder}/tree", "run"],
            preparation: """
                mkdir tree && cd tree
                for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int x) { return x * $i + 1; }" > f$i.c; done
                { echo '#include <stdio.h>'
                  for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int);"; done
                  echo 'int main() { int x = 1;'; for i in 1 2 3 4 5 6 7 8; do echo "x = f$i(x);"; done
                  echo 'printf("%d", x); }'; } > main.c
                printf 'OBJECTS = $(patsubst %%.c,%%.o,$(wildcard *.c))\\nrun: clean\\n' > Makefile
                printf '\\t$(MAKE) -s program\\n\\t./program\\nprogram: $(OBJECTS)\\n\\tcc -o $@ $^\\n' >> Makefile
                printf 'clean:\\n\\trm -f *.o program\\n' >> Makefile
                """,
            needs: ["make", "cc"],
            share: 0.3
        ),
        .c("threads", share: 0.3),
        .c("execs", share: 0.1),
        .c("kills", share: 0.3),
        .c("rawthreads"),

        // MARK: - Kinds of programs
        .c("plain", share: 0.3),
        Program(name: "static", source: "plain.c", flags: ["-static"], share: 0.3),
        Program(name: "static-PIE", source: "plain.c", flags: ["-static-pie"], share: 0.3),
        Program(
            name: "no libc",
            source: "nolibc.c",
            flags: ["-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector"]
        ),
        Program(name: "Go", source: "goroutines.go", needs: ["go"]),
        Program(name: "node", command: ["node", "{sources}/server.js"], needs: ["node"], share: 0.3),
        Program(name: "setuid", source: "identity.c", preparation: "chmod 4755 {program}"),
        .c("interrupt80", share: 0.1),
        Program(
            name: "32-bit",
            command: ["{folder}/program"],
            preparation: "as --32 {sources}/thirtytwo.S -o x.o && ld -m elf_i386 x.o -o program"
        ),

        // MARK: - Few resources
        Program(
            name: "64 descriptors",
            source: "descriptors.c",
            command: ["sh", "-c", "ulimit -n 64; exec {program} 20"]
        ),
        Program(
            name: "4 descriptors",
            source: "descriptors.c",
            command: ["sh", "-c", "ulimit -n 4; exec {program}"]
        ),
        .c("addressspace"),
        Program(name: "little address space", source: "addressspace.c", command: ["{program}", "limit"]),
        .c("pressure", share: 0.9),
        .c("bigbuffers", share: 0.1),

        // MARK: - Programs that look at themselves, or at each other
        .c("owntext"),
        .c("ownpages"),
        Program(
            name: "reloaded libraries",
            source: "reload.c",
            command: ["{program}", "{folder}/one.so", "{folder}/two.so"],
            preparation: """
                cc -O1 -shared -fPIC -o one.so {sources}/library.c
                cc -O1 -shared -fPIC -DPADDING=13 -o two.so {sources}/library.c
                """
        ),
        .c("segment"),
        .c("faults", share: 0.5),
        .c("filter", share: 0.1),
        .c("tracer"),
    ]
}
