// Why a call was recorded by the supervisor and not inside the process; in the words that `lacuna info` prints.

enum Way: Int, CaseIterable {
    case coldSite
    case special
    case siteNotRewritten
    case codeWithoutFile
    case thirtyTwoBit
    case start
    case memory
    case unusualStart
    case addressTaken
    case descriptors
    case refused
    case ownFilter
    case traced
    case addressLimit
    case go

    var words: String {
        switch self {
        case .coldSite: "call site not met often enough"
        case .special: "left to the supervisor (tasks, code, names of files, large input)"
        case .siteNotRewritten: "call site that cannot be rewritten"
        case .codeWithoutFile: "code without a file (JIT, vDSO)"
        case .thirtyTwoBit: "32-bit call"
        case .start: "start of a program"
        case .memory: "program whose memory cannot be reached"
        case .unusualStart: "program that starts in an unusual way"
        case .addressTaken: "program that uses the agent's addresses"
        case .descriptors: "program without a free descriptor"
        case .refused: "program that could not map the agent"
        case .ownFilter: "program with a seccomp filter of its own"
        case .traced: "program traced by another"
        case .addressLimit: "program with an address space limit"
        case .go: "Go program (its stacks are too small for the agent)"
        }
    }
}
