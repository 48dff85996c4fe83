// What the environment answers instead of the engine: what a real kernel makes up anew each time.
import Engine
import LinuxABI

extension AgentEngine {
    private static let readers: Set<String> = [
        "read", "pread64", "readv", "preadv", "preadv2", "lseek", "recvfrom", "recvmsg",
    ]
    /// File systems whose contents are the machine's state of the moment, by `f_type` (statfs(2)).
    private static let momentary: [UInt64: String] = [
        0x9fa0: "/proc", 0x6265_6572: "/sys", 0x2727_0b: "a cgroup", 0x27e0eb: "a cgroup", 0x6367_7270: "a cgroup",
        0x7363_6673: "securityfs", 0x6462_6720: "debugfs", 0x7472_6163: "tracefs",
    ]

    /// Marks bytes that no replay can repeat: of random devices, and of files that tell the machine's state.
    func markGiven(_ name: String, _ call: GuestCall, _ state: TaskState, _ result: inout DispatchResult)
        throws(EngineFailure)
    {
        guard Self.readers.contains(name), case .returned(let count) = result.outcome, count >= 0 else { return }
        guard let what = try source(of: call.arguments[0], state) else { return }
        if name == "read" || name == "pread64" {
            let room = Int(clamping: min(call.arguments[2], 1 << 22))
            result.given.append(GivenUse(name: what, part: .memory(address: call.arguments[1], count: room)))
        } else {
            for write in result.writes {
                let part = GivenUse.Part.memory(address: write.address, count: write.bytes.count)
                result.given.append(GivenUse(name: what, part: part))
            }
        }
        if what != Self.random { result.given.append(GivenUse(name: what, part: .result)) }
    }

    /// SO_DOMAIN is AF_NETLINK: counters and ages of the moment.
    private func isNetlink(_ fd: UInt64, _ state: TaskState) -> Bool {
        let size = Argument.bytes([4, 0, 0, 0])
        let answer = try? make("getsockopt", .value(fd), .value(1), .value(39), .output(4), size, in: state.slot)
        return answer?.output.first == 16
    }

    /// Lists the descriptors of a task without the agent's own.
    func hideDescriptors(_ call: GuestCall, _ state: TaskState, _ result: inout DispatchResult) throws(EngineFailure) {
        guard case .returned(let count) = result.outcome, count > 0, let write = result.writes.first else { return }
        let own = try connection.greeting.descriptors.map { Array(String($0).utf8) }
        var kept: [UInt8] = []
        var position = 0
        // struct linux_dirent64: inode, offset, length at 16, type at 18, name at 19.
        while position + 19 < write.bytes.count {
            let length = Int(write.bytes[position + 16]) | Int(write.bytes[position + 17]) << 8
            guard length > 19, position + length <= write.bytes.count else { return }
            let entry = write.bytes[position..<(position + length)]
            if !own.contains(Array(entry.dropFirst(19).prefix { $0 != 0 })) { kept += entry }
            position += length
        }
        guard kept.count < write.bytes.count else { return }
        let status = try make("fstatfs", .value(call.arguments[0]), .output(120), in: state.slot).output
        guard status.word(0) == 0x9fa0 else { return }
        result.writes[0] = .init(address: write.address, bytes: kept)
        result.outcome = .returned(Int64(kept.count))
    }

    private static let random = "random bytes"

    private func source(of fd: UInt64, _ state: TaskState) throws(EngineFailure) -> String? {
        // The task may end meanwhile: then nobody sees what it read.
        guard let status = try? make("fstatfs", .value(fd), .output(120), in: state.slot).output, status.count == 120
        else { return nil }
        if let name = Self.momentary[status.word(0)] { return "contents of a file of \(name)" }
        guard let file = try? make("fstat", .value(fd), .output(144), in: state.slot).output, file.count == 144
        else { return nil }
        if file.word(24) & 0xf000 == 0xc000 { return isNetlink(fd, state) ? "the network's state" : nil }
        guard file.word(24) & 0xf000 == 0x2000 else { return nil }
        // st_rdev of /dev/random and /dev/urandom.
        return file.word(40) == 0x108 || file.word(40) == 0x109 ? Self.random : nil
    }
}
