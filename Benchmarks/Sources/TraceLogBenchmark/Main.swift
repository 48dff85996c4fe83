// `speed`, `sustained`: calls per second written and read back. `size DUMP OUT`: a log from strace's view of a program.
import Glibc
import LinuxABI
import TraceLog

@main enum Main {
    static func main() throws {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "speed": try Speed.run(calls: arguments.count > 2 ? Int(arguments[2]) ?? 2_000_000 : 2_000_000)
        case "sustained" where arguments.count >= 3:
            try Sustained.run(arguments[2], amount: arguments.count > 3 ? Int(arguments[3]) : nil)
        case "read" where arguments.count == 3: try Speed.read(arguments[2])
        case "recompress" where arguments.count == 5:
            try TraceRewriter.recompress(arguments[2], to: arguments[3], level: Int32(arguments[4]) ?? 6)
        case "size" where arguments.count >= 4:
            try StraceDump.convert(
                arguments[2],
                to: arguments[3],
                level: arguments.count > 4 ? Int32(arguments[4]) ?? 3 : 3
            )
        default:
            print(
                "usage: TraceLogBenchmark speed [CALLS] | sustained WORKLOAD [CALLS] | read LOG | recompress LOG LOG LEVEL | size DUMP LOG [LEVEL]"
            )
            exit(64)
        }
    }
}

/// CPU seconds of the calling thread or of the whole process.
func cpuSeconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
