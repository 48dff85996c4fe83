// Importance: how likely an installation meets a thing.

extension PerMille {
    /// 1 − Π(1 − weight), taking the weights as independent chances of use (Tsai et al., EuroSys '16).
    static func importance(of weights: some Sequence<Weight>) -> PerMille {
        var without = 1.0
        for weight in weights { without *= 1 - weight.share }
        // 0.7 is not exact in binary: a hair below a whole per mille must not lose that per mille.
        return PerMille(Int(((1 - without) * 1000 + 1e-9).rounded(.down)))
    }

    /// Part of a weight, rounded down; nil when the whole is nothing.
    init?(_ part: Weight, of whole: Weight) { self.init(part.millionths, of: whole.millionths) }

    /// The mean, rounded down; nil of nothing.
    static func mean(_ scores: some Collection<PerMille>) -> PerMille? {
        scores.isEmpty ? nil : PerMille(scores.reduce(0) { $0 + $1.rawValue } / scores.count)
    }
}
