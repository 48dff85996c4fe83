// Failures: one clear line and the documented exit status.
import Foundation
import Testing

@testable import TraceLog

@Suite struct ErrorTests {
    func expectLine(_ run: Run, status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(run.status == status, sourceLocation: sourceLocation)
        let lines = run.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(run.errors.hasPrefix("lacuna: "), sourceLocation: sourceLocation)
        for word in words { #expect(run.errors.contains(word), "\(run.errors)", sourceLocation: sourceLocation) }
    }

    @Test func wrongUsageIsTwo() throws {
        expectLine(try lacuna("frobnicate"), status: 2, "frobnicate")
        expectLine(try lacuna("show"), status: 2, "file", "lacuna show --help")
        expectLine(try lacuna("show", "x", "--errno", "ENONSENSE"), status: 2, "ENONSENSE")
        expectLine(try lacuna("show", "x", "--call", "nonsense"), status: 2, "nonsense")
        expectLine(try lacuna("show", "x", "--family", "nonsense"), status: 2, "namespaces")
        expectLine(try lacuna("show", "x", "--index", "9..3"), status: 2, "9..3")
        expectLine(try lacuna("cells"), status: 2, "--list")
    }

    @Test(arguments: ["show", "info", "verify", "cells"]) func unreadableFilesAndOtherFilesAreThree(command: String)
        throws
    {
        expectLine(try lacuna(command, "/nonexistent/x.lacuna"), status: 3, "/nonexistent/x.lacuna", "No such file")
        expectLine(try lacuna(command, "/etc/passwd"), status: 3, "/etc/passwd", "not a lacuna log")
        expectLine(try lacuna(command, "/etc"), status: 3, "/etc")
    }

    @Test func aLogOfANewerVersionIsRefusedWithAdvice() throws {
        try withFolder { folder in
            let path = folder + "/new.lacuna"
            try writeLog(path)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[6] = 99  // the major version
            let sum = bytes.prefix(32).withUnsafeBytes { xxh64($0) }
            withUnsafeBytes(of: sum.littleEndian) { bytes.replaceSubrange(32..<40, with: $0) }
            try bytes.write(to: URL(fileURLWithPath: path))
            expectLine(try lacuna("show", path), status: 3, path, "newer")
        }
    }

    @Test func aFullDiskIsReported() throws {
        expectLine(try lacuna("cells", "--list", output: "/dev/full"), status: 3, "standard output", "No space left")
        expectLine(try lacuna("--help", output: "/dev/full"), status: 3, "standard output")
    }

    @Test func aReaderThatHasSeenEnoughIsNoFailure() throws {
        let shell = Process()
        let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }.map { URL(fileURLWithPath: $0) }
        let folder = bundle?.deletingLastPathComponent() ?? executable
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", "'\(folder.path)/lacuna' cells --list | head -n 1"]
        let errors = Pipe()
        let output = Pipe()
        shell.standardError = errors
        shell.standardOutput = output
        try shell.run()
        shell.waitUntilExit()
        #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
        #expect(!output.fileHandleForReading.readDataToEndOfFile().isEmpty)
    }

    @Test func ofACutLogTheWholePartIsShownAndTheCutIsNamed() throws {
        try withFolder { folder in
            let path = folder + "/cut.lacuna"
            try writeLog(path)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            try bytes.prefix(bytes.count - 5).write(to: URL(fileURLWithPath: path))
            let shown = try lacuna("show", path)
            #expect(shown.status == 0)
            #expect(shown.output.contains("openat"))
            #expect(shown.errors.contains(path))
            let verified = try lacuna("verify", path)
            #expect(verified.status == 1)
            #expect(verified.output.contains(path))
        }
    }
}
