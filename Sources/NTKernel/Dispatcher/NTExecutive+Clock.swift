// Clocks and timers. Time moves only when the owner of the model moves it.

/// System and interrupt time in 100 ns units.
struct SystemClock {
    /// Since 1601-01-01 UTC.
    var systemTime: UInt64 = 0
    /// Since boot, with time spent asleep.
    var interruptTime: UInt64 = 0
    /// Part of `interruptTime` that the machine slept.
    var sleepBias: UInt64 = 0
}

extension NTExecutive {
    /// 100 ns units between 1601-01-01 and 1970-01-01.
    public static let epoch1970: UInt64 = 116_444_736_000_000_000

    /// `KeQuerySystemTimePrecise`: 100 ns units since 1601-01-01 UTC.
    @discardableResult
    public func KeQuerySystemTimePrecise() -> UInt64 {
        trace("KeQuerySystemTimePrecise", .none, .STATUS_SUCCESS)
        return clock.systemTime
    }

    /// `KeQueryInterruptTimePrecise`: 100 ns units since boot.
    @discardableResult
    public func KeQueryInterruptTimePrecise() -> UInt64 {
        trace("KeQueryInterruptTimePrecise", .none, .STATUS_SUCCESS)
        return clock.interruptTime
    }

    /// `KeQueryUnbiasedInterruptTime`: without time asleep.
    @discardableResult
    public func KeQueryUnbiasedInterruptTime() -> UInt64 {
        trace("KeQueryUnbiasedInterruptTime", .none, .STATUS_SUCCESS)
        return clock.interruptTime - clock.sleepBias
    }

    /// Sets both clocks, at boot; 100 ns units.
    public func KeInitializeClock(systemTime: UInt64, interruptTime: UInt64) {
        clock.systemTime = systemTime
        clock.interruptTime = interruptTime
    }

    /// `KeUpdateSystemTime`: moves both clocks to `interruptTime` and runs what falls due. Never goes backwards.
    public func KeUpdateSystemTime(interruptTime: UInt64) {
        guard interruptTime > clock.interruptTime else { return }
        while let timer = timerQueue.first, let due = timer.dueTime, due <= interruptTime {
            move(to: max(due, clock.interruptTime))
            expire(timer, due)
        }
        move(to: interruptTime)
    }

    private func move(to interruptTime: UInt64) {
        clock.systemTime += interruptTime - clock.interruptTime
        clock.interruptTime = interruptTime
    }

    private func expire(_ timer: KTimer, _ due: UInt64) {
        timerQueue.removeFirst()
        timer.dueTime = nil
        if timer.period > 0 { enqueue(timer, due + timer.period) }
        signal(timer)
        timer.deferredProcedure?()
    }

    /// Interrupt time of the next timer; nil when none is set.
    public var nextTimerExpiry: UInt64? { timerQueue.first?.dueTime }

    /// `KeSetTimerEx`. Returns whether the timer was set before.
    ///
    /// - Parameters:
    ///   - dueTime: interrupt time in 100 ns units; a time in the past expires at the next clock movement.
    ///   - period: 100 ns units; zero for once.
    @discardableResult
    public func KeSetTimerEx(_ timer: KTimer, dueTime: UInt64, period: UInt64 = 0) -> Bool {
        let wasSet = KeCancelTimer(timer)
        timer.isSignaled = false
        timer.period = period
        enqueue(timer, dueTime)
        trace("KeSetTimerEx", .value("DueTime", dueTime), .STATUS_SUCCESS)
        return wasSet
    }

    /// `KeCancelTimer`. Returns whether the timer was set.
    @discardableResult
    public func KeCancelTimer(_ timer: KTimer) -> Bool {
        guard timer.dueTime != nil else { return false }
        timerQueue.removeAll { $0 === timer }
        timer.dueTime = nil
        return true
    }

    private func enqueue(_ timer: KTimer, _ due: UInt64) {
        timer.dueTime = due
        let index = timerQueue.firstIndex { ($0.dueTime ?? 0) > due } ?? timerQueue.endIndex
        timerQueue.insert(timer, at: index)
    }
}
