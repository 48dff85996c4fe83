// The timers of a process: alarm and setitimer, timer_create. Expiry queues a signal.
import Engine
import LinuxABI

struct LxPosixTimer {
    var clock: Int32
    /// SIGEV_*: 0 signal, 1 none, 2 thread, 4 thread id.
    var notification: Int32
    var signal: Int32
    var value: UInt64
    weak var target: LxThread?
    var timer = LxTimer()
    var overruns: Int32 = 0
}

struct LxProcessTimers {
    /// ITIMER_REAL, which alarm shares.
    var real = LxTimer()
    /// ITIMER_VIRTUAL and ITIMER_PROF: cpu time is not modelled, so they are kept and never fire.
    var virtual = LxTimer()
    var profiling = LxTimer()
    var posix: [Int32: LxPosixTimer] = [:]
    private var nextID: Int32 = 0

    /// The earliest deadline of a timer that fires by the engine's clock.
    var earliest: UInt64? {
        var result = real.deadline
        for timer in posix.values {
            if let deadline = timer.timer.deadline { result = min(result ?? deadline, deadline) }
        }
        return result
    }

    mutating func add(_ timer: LxPosixTimer, offered: Int32?) -> Int32 {
        var identifier = offered ?? nextID
        while posix[identifier] != nil { identifier += 1 }
        if offered == nil { nextID = identifier + 1 }
        posix[identifier] = timer
        return identifier
    }

    /// execve ends them; alarm and setitimer live on.
    mutating func removePosixTimers() { posix = [:] }
}

extension WSL1Engine {
    /// Notes that `group` armed a timer.
    func timersChanged(_ group: LxThreadGroup) {
        guard let deadline = group.timers.earliest else { return }
        timedGroups[ObjectIdentifier(group)] = group
        nextTimer = min(nextTimer ?? deadline, deadline)
    }

    /// Fires what is due.
    @inline(__always)
    func fireTimers() {
        if let next = nextTimer, time >= next { fireDueTimers() }
    }

    private func fireDueTimers() {
        nextTimer = nil
        for (key, group) in timedGroups.sorted(by: { $0.value.globalID < $1.value.globalID }) {
            guard group.isAlive else {
                timedGroups[key] = nil
                continue
            }
            if group.timers.real.take(time) > 0 {
                post(LxSignalInfo(signal: LxSignal.alarm, code: 0x80), to: group)
            }
            for identifier in group.timers.posix.keys.sorted() { firePosix(group, identifier) }
            if let deadline = group.timers.earliest {
                nextTimer = min(nextTimer ?? deadline, deadline)
            } else {
                timedGroups[key] = nil
            }
        }
    }

    private func firePosix(_ group: LxThreadGroup, _ identifier: Int32) {
        guard var timer = group.timers.posix[identifier] else { return }
        let count = timer.timer.take(time)
        guard count > 0 else { return }
        timer.overruns = Int32(clamping: count - 1)
        group.timers.posix[identifier] = timer
        // SI_TIMER
        let info = LxSignalInfo(
            signal: timer.signal,
            code: -2,
            pid: identifier,
            uid: UInt32(timer.overruns),
            value: Int64(bitPattern: timer.value)
        )
        switch timer.notification {
        case 1: break
        case 4: if let target = timer.target, !target.isDead { post(info, to: target) }
        default: post(info, to: group)
        }
    }
}
