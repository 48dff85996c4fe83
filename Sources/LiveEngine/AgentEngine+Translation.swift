// Names and times inside a call's memory that mean another thing here: ports that the kernel chooses, moments to wait for.
import Engine
import LinuxABI

extension AgentEngine {
    /// `bind` to port 0 takes the offered port: others will connect to it by that number.
    func choosePort(_ call: GuestCall, _ request: inout AgentRequest) {
        let address = call.arguments[1]
        guard case .bytes(var bytes) = call.memory.read(address, count: 8), bytes[2] == 0, bytes[3] == 0,
            bytes[1] == 0, bytes[0] == 2 || bytes[0] == 10,
            let port = environment.names.offer(.port, for: call.index)
        else { return }
        bytes[2] = UInt8(truncatingIfNeeded: port >> 8)
        bytes[3] = UInt8(truncatingIfNeeded: port)
        request.inputs.append(.init(address: address, bytes: bytes))
    }

    private static let realtime: Set<UInt64> = [0, 5, 8, 11]
    private static let futexRealtime: UInt64 = 256

    /// Moves a moment of the recording's clocks to the same distance from this clock's present.
    func moveDeadline(_ name: String, _ call: GuestCall, _ request: inout AgentRequest) {
        let place: UInt64
        var clock: UInt64 = 1
        switch name {
        case "futex":
            // FUTEX_WAIT_BITSET, FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI and FUTEX_LOCK_PI2 wait until a moment.
            let command = call.arguments[1] & 0x7f
            guard [6, 9, 11, 13].contains(command) else { return }
            place = call.arguments[3]
            if command == 6 || call.arguments[1] & Self.futexRealtime != 0 { clock = 0 }
        case "clock_nanosleep":
            guard call.arguments[1] & 1 != 0 else { return }
            (place, clock) = (call.arguments[2], call.arguments[0])
        default:
            guard call.arguments[1] & 1 != 0, call.arguments[2] != 0 else { return }
            // struct itimerspec: the interval comes first.
            place = call.arguments[2] + 16
        }
        guard place != 0, case .bytes(let time) = call.memory.read(place, count: 16),
            time.word(0) != 0 || time.word(8) != 0, time.word(8) < 1_000_000_000
        else { return }
        let start = Self.realtime.contains(clock) ? environment.startRealtime : environment.startMonotonic
        let recordedNow = Int64(clamping: start &+ self.clock)
        let distance = Int64(clamping: time.word(0)) &* 1_000_000_000 &+ Int64(time.word(8)) - recordedNow
        request.deadline = (place, distance, UInt32(truncatingIfNeeded: clock))
    }
}
