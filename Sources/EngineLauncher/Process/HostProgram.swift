// A program as a process of this host: an engine that is started for each program, or the host itself.
import Glibc

final class HostProgram: EngineProgram {
    private let process: KeptProcess
    private let streams: ByteStreams
    private let errorsReader: Int32
    private var events: [ProgramEvent] = []
    private var status: Int32?
    private var isOver = false
    /// Kept for as long as the program runs.
    private let scratch: ScratchFolder?

    init(
        _ words: [String],
        user: String? = nil,
        folder: String? = nil,
        environment: [String]? = nil,
        scratch: ScratchFolder? = nil,
        cleanup: String? = nil,
        ownMounts: Bool = false
    ) throws(LaunchError) {
        self.scratch = scratch
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw LaunchError("no pipe can be made: \(String(cString: strerror(errno)))") }
        let errors = (reader: fcntl(ends[0], F_DUPFD_CLOEXEC, 10), writer: fcntl(ends[1], F_DUPFD_CLOEXEC, 10))
        close(ends[0])
        close(ends[1])
        defer { close(errors.writer) }
        do throws(LaunchError) {
            process = try KeptProcess(
                words,
                user: user,
                folder: folder,
                removing: scratch?.path,
                cleanup: cleanup,
                ownMounts: ownMounts,
                environment: environment,
                errors: errors.writer
            )
        } catch {
            close(errors.reader)
            throw error
        }
        errorsReader = errors.reader
        streams = ByteStreams(readers: [process.output, errors.reader], writer: process.input)
    }

    deinit { stop() }

    var keeper: pid_t { process.keeper }

    static func run(
        _ words: [String],
        input: [UInt8] = [],
        folder: String? = nil,
        environment: [String]? = nil,
        seconds: Double
    ) throws(LaunchError) -> (status: Int32, output: [UInt8], errors: [UInt8]) {
        let program = try HostProgram(words, folder: folder, environment: environment)
        let result = try program.collect(input: input, seconds: seconds)
        guard let status = result.status else {
            throw LaunchError("'\(words.joined(separator: " "))' has not ended within \(seconds) s")
        }
        return (status, result.output, result.errors)
    }

    func send(_ bytes: [UInt8]) throws(LaunchError) {
        streams.queue(bytes)
        while !streams.isDrained { take(streams.step(milliseconds: -1)) }
    }

    func finishInput() throws(LaunchError) { process.closeInput() }

    func next(milliseconds: Int) throws(LaunchError) -> ProgramEvent? {
        guard !isOver else { return nil }
        if events.isEmpty {
            // Both ends of output, then the status: the keeper tells it when nothing of the command is left.
            if streams.readers.allSatisfy({ $0 < 0 }) {
                if let status = process.status(milliseconds: milliseconds) {
                    isOver = true
                    return .ended(status: status)
                }
                return nil
            }
            take(streams.step(milliseconds: milliseconds))
        }
        return events.isEmpty ? nil : events.removeFirst()
    }

    func stop() {
        isOver = true
        guard !isStopped else { return }
        isStopped = true
        process.stop()
        close(errorsReader)
    }
    private var isStopped = false

    private func take(_ chunks: [ByteStreams.Chunk]) {
        for chunk in chunks where !chunk.bytes.isEmpty {
            events.append(.output(stream: chunk.reader + 1, bytes: chunk.bytes))
        }
    }
}
