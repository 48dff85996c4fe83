// `lacuna-init through`: what a program executes goes to the emulator, wherever the program's stack ends.
import Foundation
import Testing

@testable import EngineLauncher

@Suite struct ThroughTests {
    /// Stands in for an emulator: `EMULATOR -0 NAME PROGRAM…`. For `true` it says that it was come back to; for the first
    /// program it executes `true` from many depths of a stack that the kernel has made no longer than was used.
    private static let emulator = #"""
        #include <alloca.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static void __attribute__((noinline)) deep(unsigned long size) {
            volatile char *room = alloca(size);
            char *words[] = {"true", 0}, *none[] = {0};
            __asm__ volatile("" : : "r"(room), "r"(words), "r"(none) : "memory");
            execve("/bin/true", words, none);
            _exit(9);
        }
        int main(int count, char **words) {
            int missed = 0;
            if (count < 4 || strcmp(words[1], "-0")) return 8;
            if (strstr(words[3], "true")) return 5;
            for (unsigned long i = 0; i < 4096; i += 32) {
                int status;
                pid_t pid = fork();
                if (pid == 0) deep((1UL << 20) + i);
                waitpid(pid, &status, 0);
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 5) missed++;
            }
            printf("%d missed\n", missed);
            return 0;
        }
        """#

    @Test func anExecveGoesToTheEmulatorFromTheEndOfAStack() throws {
        try withFolder { folder in
            let source = folder + "/emulator.c"
            try Self.emulator.write(toFile: source, atomically: true, encoding: .utf8)
            #expect(try ran("/usr/bin/env", ["cc", "-O1", "-static", "-o", folder + "/emulator", source]).status == 0)
            let done = try ran(
                try InitBinary.path(),
                ["through", folder + "/emulator", "/bin/echo"]
            )
            #expect(done.status == 0)
            #expect(done.output == "0 missed\n")
        }
    }

    private func ran(_ program: String, _ words: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = words
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }
}
