// From what replays counted to costs by call and by family.
import LinuxABI
public import Replay

extension CallTranslation {
    /// Dearest first: by packets, then routines, then name.
    public static func all(_ tallies: [String: TranslationTally]) -> [CallTranslation] {
        tallies.map { name, tally in
            let family = ABI.call(named: name)?.plain.families.first ?? .other
            return CallTranslation(call: name, family: family.rawValue, cost: tally)
        }
        .sorted {
            ($1.cost.packets, $1.cost.routines, $0.call) < ($0.cost.packets, $0.cost.routines, $1.call)
        }
    }
}

extension [CallTranslation] {
    /// Per family in the order of ``Family`` declarations; families without calls are left out.
    public var byFamily: [(family: String, cost: TranslationTally)] {
        Family.allCases.compactMap { family in tally(of: family.rawValue).map { (family.rawValue, $0) } }
    }

    public var total: TranslationTally { reduce(TranslationTally()) { $0 + $1.cost } }

    /// nil: none of its calls was answered, or the engine is no translation.
    func tally(of family: String) -> TranslationTally? {
        let members = filter { $0.family == family }
        return members.isEmpty ? nil : members.total
    }
}

extension ReplayResult {
    /// What each call name cost; empty for engines that are no translation.
    public var translation: [String: TranslationTally] {
        costs.reduce(into: [:]) { $0[$1.call, default: TranslationTally()] = TranslationTally($1.count, $1.cost) }
    }
}
