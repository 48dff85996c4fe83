// What ties a grafted resource to the divergence that made the graft necessary.

/// A mark on a resource: later divergences that use it are explained by `call`.
struct Mark: Hashable, Comparable {
    /// The root's first call, or the unjudged call.
    var call: UInt64
    /// False when the divergence could not be judged: what follows cannot be judged either.
    var isJudged: Bool

    /// Earlier is stronger; judged before unjudged.
    static func < (left: Self, right: Self) -> Bool {
        (left.isJudged ? 0 : 1, left.call) < (right.isJudged ? 0 : 1, right.call)
    }
}
