// A timer on the engine's clock: one deadline, an optional period, and how often it has expired.
import Engine
import LinuxABI

/// Times are nanoseconds since the start of the recording.
struct LxTimer {
    /// nil: disarmed.
    private(set) var deadline: UInt64?
    private(set) var interval: UInt64 = 0

    mutating func arm(at deadline: UInt64?, interval: UInt64) {
        self.deadline = deadline
        self.interval = deadline == nil ? 0 : interval
    }

    /// Expirations up to `now` that were not taken before.
    mutating func take(_ now: UInt64) -> UInt64 {
        guard let deadline, now >= deadline else { return 0 }
        guard interval > 0 else {
            self.deadline = nil
            return 1
        }
        let count = (now - deadline) / interval + 1
        self.deadline = deadline + count * interval
        return count
    }

    func isDue(_ now: UInt64) -> Bool { deadline.map { now >= $0 } ?? false }

    func remaining(_ now: UInt64) -> UInt64 { deadline.map { $0 > now ? $0 - now : 1 } ?? 0 }
}

/// CLOCK_* numbers and their relation to the engine's clock.
enum LxClock {
    static let realtime = abiInt("CLOCK_REALTIME")
    static let monotonic = abiInt("CLOCK_MONOTONIC")
    static let processTime = abiInt("CLOCK_PROCESS_CPUTIME_ID")
    static let threadTime = abiInt("CLOCK_THREAD_CPUTIME_ID")
    static let monotonicRaw = abiInt("CLOCK_MONOTONIC_RAW")
    static let realtimeCoarse = abiInt("CLOCK_REALTIME_COARSE")
    static let monotonicCoarse = abiInt("CLOCK_MONOTONIC_COARSE")
    static let boottime = abiInt("CLOCK_BOOTTIME")
    static let realtimeAlarm = abiInt("CLOCK_REALTIME_ALARM")
    static let boottimeAlarm = abiInt("CLOCK_BOOTTIME_ALARM")
    static let tai = abiInt("CLOCK_TAI")
}

extension WSL1Engine {
    /// The engine time of a clock reading in nanoseconds; readings before the start are due at once.
    func engineTime(_ reading: UInt64, on clock: Int32) -> UInt64 {
        let start =
            clock == LxClock.realtime || clock == LxClock.realtimeAlarm
            ? environment.startRealtime : environment.startMonotonic
        return reading > start ? reading - start : 0
    }
}

extension VfsContext {
    /// `struct timespec` in nanoseconds; EINVAL for what is not one.
    func readTimespec(_ address: UInt64) throws(LxFailure) -> UInt64 {
        let seconds = try readInteger(address, as: Int64.self)
        let nanoseconds = try readInteger(address + 8, as: Int64.self)
        guard seconds >= 0, (0..<1_000_000_000).contains(nanoseconds) else { throw .errno(.EINVAL) }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? UInt64.max / 2 : min(product + UInt64(nanoseconds), UInt64.max / 2)
    }

    /// `struct timeval` in nanoseconds.
    func readTimeval(_ address: UInt64) throws(LxFailure) -> UInt64 {
        let seconds = try readInteger(address, as: Int64.self)
        let microseconds = try readInteger(address + 8, as: Int64.self)
        guard seconds >= 0, (0..<1_000_000).contains(microseconds) else { throw .errno(.EINVAL) }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? UInt64.max / 2 : min(product + UInt64(microseconds) * 1000, UInt64.max / 2)
    }

    func timespec(_ nanoseconds: UInt64) -> [UInt8] {
        var out = LxpBytes()
        out.add(Int64(nanoseconds / 1_000_000_000))
        out.add(Int64(nanoseconds % 1_000_000_000))
        return out.bytes
    }

    func timeval(_ nanoseconds: UInt64) -> [UInt8] {
        var out = LxpBytes()
        out.add(Int64(nanoseconds / 1_000_000_000))
        out.add(Int64(nanoseconds % 1_000_000_000 / 1000))
        return out.bytes
    }
}
