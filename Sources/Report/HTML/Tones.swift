// Which colour a state has in the HTML report.
import Compat

extension WorkloadVerdict {
    var tone: Tone {
        switch self {
        case .runs: .good
        case .degraded: .warn
        case .fails: .bad
        case .broken: .none
        }
    }
}

extension Severity {
    var tone: Tone {
        switch self {
        case .tolerated: .none
        case .degrading: .warn
        case .fatal: .bad
        }
    }
}

extension CellState {
    var tone: Tone {
        switch self {
        case .works: .good
        case .partly: .warn
        case .missing: .bad
        case .notModelled: .model
        case .neverExercised: .none
        }
    }
}

extension RunStatus {
    var tone: Tone {
        switch self {
        case .pass: .good
        case .skip: .none
        case .miss: .warn
        case .error, .fail: .bad
        }
    }
}

extension PerMille {
    /// All, some, none.
    var tone: Tone { self == .all ? .good : self == .none ? .bad : .warn }
}
