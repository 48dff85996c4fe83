// How tests record: a small C program is compiled once, run under the recorder, and its log read back.
import Glibc
import LinuxABI
import Recorder
import Testing
import TraceLog

/// All tests that run the recorder: it owns the process's signal dispositions, so one at a time.
@Suite(.serialized) enum Recordings {}

/// The tiers that this host permits.
let tiers: [RecorderOptions.Results] = HostProbe.run().results == "ebpf" ? [.ebpf, .ptrace] : [.ptrace]

/// A temporary directory that goes with the test.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/lacuna-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        chmod(path, 0o777)
    }

    deinit { _ = shell("rm -rf '\(path)'") }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ text: String) throws {
        let stream = try #require(fopen(file(name), "w"))
        fputs(text, stream)
        fclose(stream)
    }

    func read(_ name: String) -> String {
        guard let stream = fopen(file(name), "r") else { return "" }
        defer { fclose(stream) }
        var text = ""
        var buffer = [CChar](repeating: 0, count: 4096)
        while fgets(&buffer, 4096, stream) != nil {
            text += String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return text
    }

    /// Compiles a C program; `source` is the body of main, with the usual headers.
    func compile(_ source: String, _ name: String = "program", flags: String = "-O1 -pthread") throws -> String {
        let headers = [
            "errno.h", "fcntl.h", "pthread.h", "sched.h", "signal.h", "stdio.h", "stdlib.h", "string.h", "unistd.h",
            "sys/mman.h", "sys/prctl.h", "sys/socket.h", "sys/syscall.h", "sys/time.h", "sys/uio.h", "sys/wait.h",
            "linux/filter.h", "linux/seccomp.h", "stddef.h",
        ]
        let text = "#define _GNU_SOURCE\n" + headers.map { "#include <\($0)>\n" }.joined() + source
        try write("\(name).c", text)
        try #require(shell("cc -w \(flags) -o '\(file(name))' '\(file(name)).c'") == 0, "the test program must compile")
        return file(name)
    }
}

@discardableResult
func shell(_ command: String) -> Int32 {
    let status = system(command)
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
}

/// Records a program; its output goes to `out` in the scratch directory.
func record(
    _ scratch: Scratch,
    _ command: [String],
    _ tier: RecorderOptions.Results,
    environment: [String]? = nil,
    change: (inout RecorderOptions) -> Void = { _ in }
) throws -> (result: RecordingResult, trace: Trace) {
    var options = RecorderOptions()
    options.command = command
    options.output = scratch.file("log.lacuna")
    options.results = tier
    options.environment = environment
    change(&options)
    let result = try Recorder(options: options).run()
    let trace = try Trace.load(path: options.output)
    #expect(trace.trailer?.calls == result.calls)
    #expect(trace.calls.map(\.index) == (0..<UInt64(trace.calls.count)).map { $0 })
    return (result, trace)
}

extension Trace {
    func calls(_ name: String, _ task: TaskID? = nil) -> [CallRecord] {
        calls.filter { $0.name == name && (task == nil || $0.task == task) }
    }
}

extension CallRecord {
    var name: String { ABI.name(Int(number), architecture) }
    func chunks(_ direction: MemoryRecord.Direction) -> [MemoryRecord] { chunks.filter { $0.direction == direction } }
    /// All the output (or input) there is, one buffer after the other.
    func bytes(_ direction: MemoryRecord.Direction) -> [UInt8] { chunks(direction).flatMap(\.bytes) }
}
