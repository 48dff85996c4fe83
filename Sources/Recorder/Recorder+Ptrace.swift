// `record --results ptrace`, and what `auto` falls back to.
import CLinux
import Glibc

extension Recorder {
    func runPtrace(_ workload: Workload) throws(RecorderError) -> RecordingResult {
        let session = try RecordingSession(options, results: "ptrace")
        var ignored = [UInt8](repeating: 0, count: 7)
        clinux_signals_hold(&ignored)
        defer { clinux_signals_release() }
        let source = PtraceRecording(session, workload, ignored: ignored)
        try source.start()
        session.wait(for: source)
        let executionError: Int32?
        do throws(RecorderError) {
            executionError = try source.finish()
        } catch {
            unlink(options.output)
            throw error
        }
        let result = try session.finish(isOver: source.isOver, results: "ptrace")
        if let executionError { throw executionFailure(executionError) }
        return result
    }
}
