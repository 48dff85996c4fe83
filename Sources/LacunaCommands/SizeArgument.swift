// Sizes as people type them.
import ArgumentParser
import Recorder

/// `4096`, `64K`, `10M`, `2G`: powers of 1024.
struct SizeArgument: ExpressibleByArgument {
    var bytes: UInt64

    init?(argument: String) {
        let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        var digits = argument[...]
        var unit: UInt64 = 1
        if let last = argument.uppercased().last, let known = units[last] {
            unit = known
            digits = digits.dropLast()
        }
        guard let number = UInt64(digits), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        self.bytes = bytes
    }
}

/// `full`, `none` or a size.
struct PayloadArgument: ExpressibleByArgument {
    var policy: RecorderOptions.Payload

    init(policy: RecorderOptions.Payload) { self.policy = policy }

    init?(argument: String) {
        switch argument {
        case "full": policy = .full
        case "none": policy = .none
        default:
            guard let size = SizeArgument(argument: argument), size.bytes <= Int.max else { return nil }
            policy = .limit(Int(size.bytes))
        }
    }

    var defaultValueDescription: String {
        switch policy {
        case .full: "full"
        case .none: "none"
        case .limit(let bytes): "\(bytes)"
        }
    }
}
