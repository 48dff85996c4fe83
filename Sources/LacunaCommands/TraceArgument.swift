// The trace that most commands read.
import ArgumentParser
import Compat
import TraceLog

/// `FILE`, a recorded log.
struct TraceArgument: ParsableArguments {
    @Argument(help: "A log written by 'lacuna record'.", completion: .file(extensions: ["lacuna"]))
    var file: String

    /// The whole trace. Of a damaged log, what is whole; the damage is one line on standard error.
    func load() throws -> Trace {
        let trace = try Trace.load(path: file)
        if let error = trace.recovery.error {
            let recovery = trace.recovery
            StandardError.line(
                "\(error); going on with \(trace.calls.count) calls, \(recovery.droppedBytes) bytes are lost"
            )
        }
        return trace
    }

    /// The call with that index.
    func call(_ index: UInt64, of trace: Trace) throws -> CallRecord {
        guard let call = trace.call(index) else {
            let last = trace.calls.last.map { "calls 0 to \($0.index)" } ?? "no calls"
            throw CommandFailure("\(file): has no call \(index); it has \(last)")
        }
        return call
    }
}
