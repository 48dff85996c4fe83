// The trace that most commands read.
import ArgumentParser
import Compat
import Facts
import FoundationEssentials
import Replay
import TraceLog

/// `FILE`, a recorded log or a story.
struct TraceArgument: ParsableArguments {
    @Argument(
        help: "A log written by 'lacuna record', or a story (FILE.story).",
        completion: .file(extensions: ["lacuna", "story"])
    )
    var file: String

    /// The whole trace. Of a damaged log, what is whole; the damage is one line on standard error.
    func load() throws -> Trace {
        if let story = try story() { return story.trace }
        let trace = try Trace.load(path: file)
        tell(trace.recovery, trace.calls.count)
        return trace
    }

    /// A recording written by hand; nil for a log.
    func story() throws -> Story? {
        guard file.hasSuffix(".story") else { return nil }
        guard let bytes = FileManager.default.contents(atPath: file) else {
            throw CommandFailure("\(file): cannot be read")
        }
        do throws(FactCheckError) {
            return try Story(String(decoding: bytes, as: UTF8.self), file: file)
        } catch {
            throw CommandFailure(error.description)
        }
    }

    /// The recording to replay, whose calls stay in the log. Damage as in `load()`.
    func open() throws -> Recording {
        if let story = try story() { return Recording(story.trace) }
        let recording = try Recording.open(path: file)
        tell(recording.frame.recovery, recording.count)
        return recording
    }

    private func tell(_ recovery: Recovery, _ calls: Int) {
        guard let error = recovery.error else { return }
        StandardError.line("\(error); going on with \(calls) calls, \(recovery.droppedBytes) bytes are lost")
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
