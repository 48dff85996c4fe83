// A short command's output: versions, ldd, apt.
import Glibc

struct CommandOutput {
    var status: Int32
    var output: [UInt8]
    var errors: [UInt8]

    /// - Parameter seconds: time until it is ended, with all that it started.
    init(_ words: [String], folder: String? = nil, seconds: Double) throws(LaunchError) {
        let result = try HostProgram.run(words, folder: folder, seconds: seconds)
        status = result.status
        output = result.output
        errors = result.errors
    }
}
