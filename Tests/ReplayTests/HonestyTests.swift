// What keeps the differ honest: control, mutation, A/A, scramble, seeded faults.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("The differ is honest")
struct HonestyTests {
    @Test("An engine that does what Linux did is the same everywhere, after what was given")
    func control() {
        let result = Replayer(trace: Scenario.pipeline()).run(on: TinyEngine())
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.counts.unjudged == 0, "\(result.summary)")
        #expect(result.counts.given == 1)
        #expect(result.counts.same == UInt64(result.verdicts.count) - 1)
        #expect(result.failure == nil)
    }

    @Test("A changed result is reported at exactly that call")
    func mutatedResults() {
        let trace = Scenario.pipeline()
        for position in trace.calls.indices where !trace.calls[position].flags.contains(.unfinished) {
            var mutated = trace
            mutated.calls[position].result = -5
            let result = Replayer(trace: mutated).run(on: EchoEngine(trace))
            #expect(result.divergent == [trace.calls[position].index], "call \(position)\n\(result.summary)")
        }
    }

    @Test("A changed byte of data or status is reported at exactly that call")
    func mutatedMemory() {
        let trace = Scenario.pipeline()
        var tried = 0
        for position in trace.calls.indices {
            let name = ABI.name(Int(trace.calls[position].number), .x86_64)
            guard ["read", "wait4"].contains(name) else { continue }
            for chunk in trace.calls[position].chunks.indices
            where trace.calls[position].chunks[chunk].direction == .output {
                var mutated = trace
                mutated.calls[position].chunks[chunk].bytes[0] ^= 0x40
                let result = Replayer(trace: mutated).run(on: EchoEngine(trace))
                #expect(result.divergent == [trace.calls[position].index], "call \(position)\n\(result.summary)")
                tried += 1
            }
        }
        #expect(tried >= 5)
    }

    @Test("The same replay twice gives the same bytes")
    func twice() throws {
        let replayer = Replayer(trace: Scenario.pipeline())
        let holes: Set<Cell> = [Cell(call: "mkdir", families: [.fs])]
        func once() throws -> [UInt8] {
            try replayer.run(on: FaultyEngine(TinyEngine(), without: holes)).canonicalJSON()
        }
        let first = try once()
        #expect(try once() == first)
        #expect(try Replayer(trace: Scenario.pipeline()).run(on: HoleEngine()).canonicalJSON() != first)
    }

    @Test("No recorded result reaches an engine: scrambling them all changes none of its answers", arguments: 1...5)
    func scramble(seed: UInt64) {
        let trace = Scenario.pipeline()
        var options = ReplayOptions()
        options.resynchronise = false
        let plain = Replayer(trace: trace, options: options)
        var generator = SeededGenerator(seed)
        var calls = trace.calls
        for position in calls.indices {
            calls[position].result = Int64(truncatingIfNeeded: generator.next() >> 40) - 4000
            for chunk in calls[position].chunks.indices where calls[position].chunks[chunk].direction == .output {
                let count = calls[position].chunks[chunk].bytes.count
                calls[position].chunks[chunk].bytes = (0..<count).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
            }
        }
        for firstDescriptor in [0, 9] {
            let (one, other) = (TinyEngine(), TinyEngine())
            one.firstDescriptor = firstDescriptor
            other.firstDescriptor = firstDescriptor
            let control = plain.run(on: one)
            let scrambled = plain.replacing(calls: calls).run(on: other)
            #expect(one.answers == other.answers)
            #expect(one.writes == other.writes)
            if firstDescriptor == 0 {
                #expect(one.answers.count > trace.calls.count, "every call is made, and parked ones again")
            }
            #expect(scrambled.counts.same < control.counts.same)
        }
    }

    /// How well roots name seeded gaps.
    struct Seeding: CustomTestStringConvertible {
        var errno: Int64
        var isSilent: Bool
        /// A gap that answers as a call might answer for its inputs hides behind earlier gaps on the same resource.
        var recall: Double
        var testDescription: String { "errno \(errno), \(isSilent ? "no evidence" : "evidence")" }
    }

    @Test(
        "Seeded gaps are found, and nothing else",
        arguments: [
            Seeding(errno: 38, isSilent: false, recall: 1), Seeding(errno: 38, isSilent: true, recall: 1),
            Seeding(errno: 22, isSilent: false, recall: 1), Seeding(errno: 22, isSilent: true, recall: 0.8),
        ]
    )
    func seededFaults(_ seeding: Seeding) {
        let trace = Scenario.pipeline()
        let replayer = Replayer(trace: trace)
        let all = Set(
            trace.calls.flatMap { call in
                ABI.call(Int(call.number), .x86_64)?.variant(for: call.arguments)
                    .cells(call.arguments, memory: trace.memory(of: call, .input)) ?? []
            }
        ).filter { !["exit_group", "getrandom"].contains($0.call) }.sorted()
        var generator = SeededGenerator(42)
        var (found, expected, roots, wrong) = (0, 0, 0, 0)
        for round in 0..<100 {
            let seeded = Set(all.shuffled(using: &generator).prefix(1 + round % 5))
            let engine = FaultyEngine(TinyEngine(), without: seeded, isSilent: seeding.isSilent, errno: seeding.errno)
            let result = replayer.run(on: engine)
            let blamed = Set(result.roots.flatMap(\.cells))
            // A call with two seeded cells fails by the first: the other is never reached.
            found += engine.hit.intersection(blamed).count
            expected += engine.hit.count
            roots += result.roots.count
            let misses = result.roots.filter { engine.hit.isDisjoint(with: $0.cells) }
            wrong += misses.count
            #expect(misses.isEmpty, "seeded \(seeded.map(\.description))\n\(result.summary)")
        }
        let (precision, recall) = (1 - Double(wrong) / Double(max(roots, 1)), Double(found) / Double(max(expected, 1)))
        #expect(precision == 1)
        #expect(recall >= seeding.recall, "recall \(recall)")
    }
}
