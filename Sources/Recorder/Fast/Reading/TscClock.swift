// Time stamp counter to CLOCK_MONOTONIC: the agent stamps with the counter, everything else has nanoseconds.
import CLinux
import Glibc

/// Converts by straight lines, joined at their ends: monotone, and never jumps when the slope is refined.
struct TscClock {
    private struct Line {
        var ticks: UInt64
        var nanoseconds: UInt64
        /// Nanoseconds per tick, times 2³².
        var slope: UInt64

        @inline(__always)
        func convert(_ later: UInt64) -> UInt64 {
            let product = (later &- ticks).multipliedFullWidth(by: slope)
            guard product.high < 1 << 30 else { return UInt64.max >> 1 }
            return nanoseconds &+ (product.high << 32 | product.low >> 32)
        }

        func convert(earlier: UInt64) -> UInt64 {
            let product = (ticks &- earlier).multipliedFullWidth(by: slope)
            guard product.high < 1 << 30 else { return 0 }
            let back = product.high << 32 | product.low >> 32
            return nanoseconds > back ? nanoseconds - back : 0
        }
    }
    struct Sample {
        var ticks: UInt64
        var nanoseconds: UInt64

        /// Both clocks at the same moment, as well as can be told: the best of a few tries.
        static func now() -> Sample {
            var best = Sample(ticks: 0, nanoseconds: 0)
            var width = UInt64.max
            for _ in 0..<6 {
                let before = clinux_ticks()
                let nanoseconds = clinux_monotonic()
                let after = clinux_ticks()
                if after &- before < width {
                    width = after &- before
                    best = Sample(ticks: before &+ width / 2, nanoseconds: nanoseconds)
                }
            }
            return best
        }
    }

    private var line: Line
    /// Earlier lines, the latest last.
    private var past: [Line] = []
    /// The sample that the slope is measured from.
    private var base: Sample
    private var middle: Sample
    private var nextRefinement: UInt64
    private var interval: UInt64 = 5_000_000

    /// Takes two milliseconds.
    init() {
        let first = Sample.now()
        usleep(2000)
        self.init(first, Sample.now())
        nextRefinement = base.nanoseconds + interval
    }

    /// A clock that only `refine` changes.
    init(_ first: Sample, _ second: Sample) {
        line = Line(
            ticks: first.ticks,
            nanoseconds: first.nanoseconds,
            slope: TscClock.slope(first, second) ?? 1 << 32
        )
        base = first
        middle = second
        nextRefinement = .max
    }

    @inline(__always)
    func nanoseconds(_ ticks: UInt64) -> UInt64 {
        if ticks >= line.ticks { return line.convert(ticks) }
        return earlier(ticks)
    }

    @inline(never)
    private func earlier(_ ticks: UInt64) -> UInt64 {
        for line in past.reversed() where ticks >= line.ticks { return line.convert(ticks) }
        return (past.first ?? line).convert(earlier: ticks)
    }

    /// Call now and then; refines when it is time to.
    mutating func tick(_ now: UInt64) {
        if now >= nextRefinement { refine(Sample.now()) }
    }

    /// Begins a new line where the old one ends, aimed so that the error of now is gone at the next refinement.
    mutating func refine(_ sample: Sample) {
        guard sample.ticks > line.ticks, let measured = TscClock.slope(base, sample) else { return }
        let reached = line.convert(sample.ticks)
        let error = Double(sample.nanoseconds) - Double(reached)
        interval = min(interval * 2, 1_000_000_000)
        // However wrong we are, time goes on: between half and twice as fast as measured.
        let aimed = Double(measured) * min(max(1 + error / Double(interval), 0.5), 2)
        past.append(line)
        if past.count > 16 { past.removeFirst() }
        line = Line(ticks: sample.ticks, nanoseconds: reached, slope: UInt64(aimed))
        // The kernel slews its clock: a slope measured over more than some seconds is not today's.
        if sample.nanoseconds - base.nanoseconds > 8_000_000_000 { base = middle }
        if sample.nanoseconds - middle.nanoseconds > 4_000_000_000 { middle = sample }
        if nextRefinement != .max { nextRefinement = sample.nanoseconds + interval }
    }

    private static func slope(_ first: Sample, _ second: Sample) -> UInt64? {
        guard second.ticks > first.ticks, second.nanoseconds > first.nanoseconds else { return nil }
        let slope = Double(second.nanoseconds - first.nanoseconds) / Double(second.ticks - first.ticks)
        guard slope < 1024 else { return nil }
        return max(1, UInt64(slope * 4_294_967_296))
    }
}
