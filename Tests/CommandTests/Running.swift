// Runs the built lacuna as a user would.
import Foundation
import LinuxABI
import TraceLog

struct Run {
    var status: Int32
    var output: String
    var errors: String
    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// `.build/debug/lacuna`, which lies beside the test bundle.
func lacuna(
    _ arguments: String...,
    output: String? = nil,
    environment: [String: String] = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
) throws -> Run {
    try lacuna(arguments, output: output, environment: environment)
}

func lacuna(_ arguments: [String], output: String? = nil, environment: [String: String]) throws -> Run {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("lacuna")
    if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) {
        process.executableURL = URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(
            "lacuna"
        )
    }
    process.arguments = arguments
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    let out = Pipe()
    let errors = Pipe()
    process.standardOutput = try output.map { try FileHandle(forWritingTo: URL(fileURLWithPath: $0)) } ?? out
    process.standardError = errors
    try process.run()
    if output == nil { try? out.fileHandleForWriting.close() }
    let outBytes = output == nil ? out.fileHandleForReading.readDataToEndOfFile() : Data()
    let errorBytes = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Run(
        status: process.terminationStatus,
        output: String(decoding: outBytes, as: UTF8.self),
        errors: String(decoding: errorBytes, as: UTF8.self)
    )
}

/// A folder that is gone after `body`.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = NSTemporaryDirectory() + "lacuna-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

/// Writes a log of a shell (pid 100) that opens a file, is refused a user namespace, forks a child (101) and waits.
func writeLog(_ path: String) throws {
    var header = TraceHeader()
    header.tool = "lacuna 0.1.0"
    header.command = ["sh", "-c", "true"]
    header.uname = ["Linux", "host", "6.1.0", "#1", "x86_64", ""]
    let writer = try TraceWriter(path: path, header: header)
    try writer.snapshot(StartSnapshot())
    let shell = TaskID(0)
    let child = TaskID(1)
    try writer.append(
        TaskRecord(
            task: shell,
            time: 0,
            afterCalls: 0,
            kind: .created(tid: 100, tgid: 100, parent: nil, byCall: nil)
        )
    )
    var index: UInt64 = 0
    func call(
        _ name: String,
        _ task: TaskID,
        _ arguments: SyscallArguments,
        _ result: Int64,
        _ chunks: [MemoryRecord] = [],
        _ flags: CallFlags = []
    ) throws {
        guard let number = ABI.call(named: name)?.numbers.x86_64 else { preconditionFailure("\(name) is described") }
        try writer.append(
            CallRecord(
                index: index,
                task: task,
                number: UInt32(number),
                arguments: arguments,
                result: result,
                entryTime: index * 128_000,
                exitTime: index * 128_000 + (flags.contains(.unfinished) ? 0 : 12_800),
                flags: flags,
                chunks: chunks
            )
        )
        index += 1
    }
    let path = MemoryRecord(.input, address: 0x1000, bytes: Array("/etc/passwd\0".utf8))
    try call("openat", shell, SyscallArguments(0xffff_ffff_ffff_ff9c, 0x1000, 0, 0), 3, [path])
    try call("unshare", shell, SyscallArguments(0x1000_0000), -22)
    try call("fork", shell, SyscallArguments(), 101)
    try writer.append(
        TaskRecord(
            task: child,
            time: 400_000,
            afterCalls: 3,
            kind: .created(tid: 101, tgid: 101, parent: shell, byCall: 2)
        )
    )
    try call("getppid", child, SyscallArguments(), 100)
    try call("exit_group", child, SyscallArguments(3), 0, [], .unfinished)
    try writer.append(TaskRecord(task: child, time: 600_000, afterCalls: 5, kind: .exited(status: 3 << 8)))
    try writer.append(SignalRecord(task: shell, time: 610_000, afterCalls: 5, signal: 17, code: 1, handler: 0))
    try call("close", shell, SyscallArguments(9), -9)
    var trailer = TraceTrailer()
    trailer.reason = "exited"
    trailer.status = 0
    trailer.calls = index
    try writer.finish(trailer)
}
