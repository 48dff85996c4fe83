// How a provider routine fails: an errno, a wait, or something our model lacks.
import LinuxABI

/// What an answer is founded on.
struct LxNote: Sendable {
    let text: StaticString
    /// As in the fact files: `RN:14915;inferred`.
    let source: StaticString

    init(_ text: StaticString, _ source: StaticString) {
        self.text = text
        self.source = source
    }

    func refusal(_ errno: Errno) -> LxFailure { .unsupported(errno, note: text, source: source) }
}

/// Thrown by every provider routine and file system operation.
enum LxFailure: Error {
    /// The call answers `-errno`.
    case errno(Errno)
    /// The operation cannot finish now. The dispatcher parks the call, or answers EAGAIN for O_NONBLOCK.
    case wouldBlock
    /// The task is gone: there is no result.
    case exited
    /// WSL 1 does this and our model of it does not; never counted against WSL 1.
    case notModelled(String)
    /// As `errno`, with a note for the evidence: a gap that the implementation under study has.
    case unsupported(Errno, note: StaticString, source: StaticString)
}

extension LxFailure {
    /// ENOENT, with or without a reason.
    var saysMissing: Bool {
        switch self {
        case .errno(let errno), .unsupported(let errno, _, _): errno == .ENOENT
        default: false
        }
    }
}
