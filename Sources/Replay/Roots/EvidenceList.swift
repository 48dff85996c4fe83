// The evidence of divergences: each text once.
import Engine
import Tables

struct EvidenceList {
    private(set) var all: [Evidence] = []
    /// Positions by a hash of what tells most of them apart.
    private var positions = IntegerTable<[Int]>()

    func position(_ evidence: Evidence) -> Int? { positions[Self.hash(evidence)]?.first { all[$0] == evidence } }

    /// The position of this evidence, which is added unless it is there.
    mutating func add(_ evidence: Evidence) -> Int {
        let hash = Self.hash(evidence)
        if let known = positions[hash]?.first(where: { all[$0] == evidence }) { return known }
        all.append(evidence)
        positions[hash, default: []].append(all.count - 1)
        return all.count - 1
    }

    /// Handlers and notes are few; steps differ in what they were about.
    private static func hash(_ evidence: Evidence) -> UInt64 {
        var handler = evidence.handler
        var hash = handler.withUTF8 { PathWalks.key(UnsafeRawBufferPointer($0)) } ^ UInt64(evidence.steps.count)
        for step in evidence.steps {
            var detail = step.detail
            hash = detail.withUTF8 { PathWalks.key(UnsafeRawBufferPointer($0), seed: hash) } &* 0x9E37_79B9_7F4A_7C15
        }
        return hash
    }
}
