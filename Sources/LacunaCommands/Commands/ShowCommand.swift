// lacuna show: a trace as strace -f prints it.
import ArgumentParser
import Compat
import LinuxABI
import Report
import TraceLog

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print a trace the way strace -f does.",
        discussion: """
            Each line has the call's index (which 'lacuna explain' takes), the thread, the call with its arguments and \
            result, and the time it took in seconds. Filters combine: a call must pass all of them. With a filter on \
            calls, lines about tasks and signals are left out.

            EXAMPLES
              lacuna show bash.lacuna | less
              lacuna show bash.lacuna --call openat,execve --errno ENOENT
              lacuna show bash.lacuna --family namespaces --json | jq .args
              lacuna show bash.lacuna --path /etc --pid 4711
              lacuna show bash.lacuna --index 1400..1450
            """
    )

    @OptionGroup var trace: TraceArgument
    @OptionGroup var filter: ShowFilter
    @Flag(help: "One JSON object per line: index, task, pid, tid, time, duration (ns), name, args, result, errno, …")
    var json = false
    @Option(help: ArgumentHelp("Bytes of each string to print.", valueName: "count"))
    var strings = 32

    func run() throws {
        let filter = try filter.compiled()
        let trace = try trace.load()
        let text = TraceText(trace)
        let printer = Printer(stringLimit: strings, listLimit: strings)
        var output = StandardOutput()
        var printed = 0
        for event in TraceEvent.all(trace) {
            if printed == filter.limit { break }
            switch event {
            case .call(let record):
                guard filter.admits(record, ids: text.ids(of: record.task.rawValue)) else { continue }
                let call = CallText(record, in: trace, printer: printer)
                guard filter.admits(call) else { continue }
                try output.line(json ? text.json(call) : text.line(call))
            case .task(let record):
                guard filter.admitsEvent(at: record.afterCalls, ids: text.ids(of: record.task.rawValue)) else {
                    continue
                }
                try output.line(json ? text.json(record) : text.line(record))
            case .signal(let record):
                guard filter.admitsEvent(at: record.afterCalls, ids: text.ids(of: record.task.rawValue)) else {
                    continue
                }
                try output.line(json ? text.json(record) : text.line(record))
            }
            printed += 1
        }
        try output.flush()
    }
}
