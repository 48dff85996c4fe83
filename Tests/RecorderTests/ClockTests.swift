// The counter's clock: monotone, joined, right again after it was wrong.
import Testing

@testable import Recorder

@Suite("Time stamp counter") struct ClockTests {
    private func sample(_ ticks: UInt64, _ nanoseconds: UInt64) -> TscClock.Sample {
        TscClock.Sample(ticks: ticks, nanoseconds: nanoseconds)
    }

    @Test func ticksBecomeNanosecondsBeforeAndAfterTheFirstSample() {
        let clock = TscClock(sample(3000, 1000), sample(3_003_000, 1_001_000))
        #expect(clock.nanoseconds(3000) == 1000)
        #expect(clock.nanoseconds(3_000_003_000).distance(to: 1_000_001_000).magnitude <= 1)
        #expect(clock.nanoseconds(1500).distance(to: 500).magnitude <= 1)
        #expect(clock.nanoseconds(0) <= 1)
        #expect(clock.nanoseconds(.max) > 1 << 61)
    }

    @Test func aRefinedSlopeJoinsAndCorrectsTheError() {
        // The first slope is wrong by one in a thousand.
        var clock = TscClock(sample(0, 0), sample(1_000_000, 1_001_000))
        var last: UInt64 = 0
        var ticks: UInt64 = 0
        for _ in 0..<40 {
            for _ in 0..<50 {
                ticks += 20_000_000
                let now = clock.nanoseconds(ticks)
                #expect(now > last)
                last = now
            }
            let before = clock.nanoseconds(ticks)
            clock.refine(sample(ticks, ticks))
            #expect(clock.nanoseconds(ticks) == before)
            #expect(clock.nanoseconds(ticks - 1) <= before)
        }
        #expect(clock.nanoseconds(ticks).distance(to: ticks).magnitude < 2000)
    }
}
