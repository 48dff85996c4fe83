// A program that an engine runs, as seen from outside: bytes in, bytes out, a status.

public enum ProgramEvent: Sendable, Hashable {
    /// Bytes on standard output (1) or standard error (2).
    case output(stream: Int, bytes: [UInt8])
    /// Its end, after all output: a wait status.
    case ended(status: Int32)
}

/// One program under way. Single-threaded.
public protocol EngineProgram: AnyObject {
    /// Gives it input; returns when all is under way. Output that comes meanwhile is kept.
    func send(_ bytes: [UInt8]) throws(LaunchError)
    func finishInput() throws(LaunchError)
    /// The next that happens, or nil if nothing does within that time.
    func next(milliseconds: Int) throws(LaunchError) -> ProgramEvent?
    /// Ends it and all that it started.
    func stop()
}

/// What became of a program.
public struct ProgramResult: Sendable, Hashable {
    /// A wait status; nil: it was ended at the time limit.
    public var status: Int32?
    public var output: [UInt8]
    public var errors: [UInt8]
    public var seconds: Double
}

extension EngineProgram {
    /// Feeds `input` and collects output until the end.
    public func collect(input: [UInt8] = [], seconds: Double) throws(LaunchError) -> ProgramResult {
        let start = ContinuousClock.now
        var result = ProgramResult(status: nil, output: [], errors: [], seconds: 0)
        defer { stop() }
        if !input.isEmpty { try send(input) }
        try finishInput()
        while true {
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            result.seconds = elapsed
            guard elapsed < seconds else { return result }
            switch try next(milliseconds: Int((seconds - elapsed) * 1000) + 1) {
            case .output(1, let bytes): result.output += bytes
            case .output(_, let bytes): result.errors += bytes
            case .ended(let status):
                result.status = status
                result.seconds = (ContinuousClock.now - start) / .seconds(1)
                return result
            case nil: break
            }
        }
    }
}
