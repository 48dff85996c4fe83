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
        guard case .returned(let count) = result.outcome, count >= 0 else { return }
        if let offset = Self.statusBuffers[name] {
            try markStatus(name, call.arguments[offset], call, state, &result)
            return
        }
        if name == "readlink" || name == "readlinkat" { hideAgent(&result) }
        guard Self.readers.contains(name) else { return }
        guard let what = try source(of: call.arguments[0], count, state) else { return }
        if name == "read" || name == "pread64" {
            let room = Int(clamping: min(call.arguments[2], 1 << 22))
            let isMomentary = what != Self.random
            if what == Self.signals {
                // ssi_utime and ssi_stime of struct signalfd_siginfo.
                let times = GivenUse.Part.memory(address: call.arguments[1] + 56, count: 16)
                result.given.append(GivenUse(name: what, part: times, isMomentary: true))
                return
            }
            let part = GivenUse.Part.memory(address: call.arguments[1], count: room)
            result.given.append(GivenUse(name: what, part: part, isMomentary: isMomentary))
        } else {
            for write in result.writes {
                let part = GivenUse.Part.memory(address: write.address, count: write.bytes.count)
                result.given.append(GivenUse(name: what, part: part))
            }
        }
        if what != Self.random { result.given.append(GivenUse(name: what, part: .result, isMomentary: true)) }
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
    private static let signals = "processor times of a signal's sender"
    private static let anonymousInodes: UInt64 = 0x0904_1934
    /// Which argument of a call is where it writes a file's status.
    private static let statusBuffers = ["stat": 1, "lstat": 1, "fstat": 1, "newfstatat": 2, "statx": 4]

    /// Link counts and times of the kernel's own files are the moment's.
    private func markStatus(
        _ name: String,
        _ buffer: UInt64,
        _ call: GuestCall,
        _ state: TaskState,
        _ result: inout DispatchResult
    ) throws(EngineFailure) {
        guard let write = result.writes.first(where: { $0.address == buffer }) else { return }
        let isExtended = name == "statx"
        guard write.bytes.count >= (isExtended ? 256 : 144) else { return }
        // stx_dev_major and stx_dev_minor; st_dev.
        let device = isExtended ? write.bytes.word(136) : write.bytes.word(0)
        // Only file systems without a disk: major 0.
        guard isExtended ? device & 0xffff_ffff == 0 : device & 0xfff00 == 0 else { return }
        let key = isExtended ? device >> 32 : device
        if kernelDevices[key] == nil { kernelDevices[key] = try isKernels(name, call, state) }
        guard kernelDevices[key] == true else { return }
        let parts: [(UInt64, Int)] =
            isExtended
            ? [(16, 4), (64, 16), (80, 16), (96, 16), (112, 16)] : [(16, 8), (72, 16), (88, 16), (104, 16)]
        for (offset, count) in parts {
            let part = GivenUse.Part.memory(address: buffer + offset, count: count)
            result.given.append(GivenUse(name: "times of a kernel's file", part: part, isMomentary: true))
        }
    }

    private func isKernels(_ name: String, _ call: GuestCall, _ state: TaskState) throws(EngineFailure) -> Bool {
        let own: (Int64, [UInt8])?
        var path: [UInt8] = []
        let place = name == "newfstatat" || name == "statx" ? 1 : 0
        if name != "fstat", case .bytes(let bytes) = call.memory.readString(call.arguments[place], limit: 4096) {
            path = bytes
        }
        if path.isEmpty {
            own = try? make("fstatfs", .value(call.arguments[0]), .output(120), in: state.slot)
        } else if path[0] == UInt8(ascii: "/") {
            own = try? make("statfs", .bytes(path + [0]), .output(120), in: state.slot)
        } else {
            return false
        }
        guard let own, own.1.count == 120 else { return false }
        return Self.momentary[own.1.word(0)] != nil
    }

    private static func isAgent(_ path: [UInt8]) -> Bool {
        let path = String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
        return path.hasSuffix("/lacuna-agent") || path.hasSuffix("/.lacuna/agent")
    }

    /// The call names the program's own file, and the agent's would be taken.
    func isAgentsFile(_ name: String, _ call: GuestCall, _ state: TaskState) throws(EngineFailure) -> Bool {
        let place = name == "openat" || name == "openat2" ? 1 : 0
        let own = "/proc/self/exe"
        guard case .bytes(let path) = call.memory.readString(call.arguments[place], limit: own.utf8.count + 1),
            path.elementsEqual(own.utf8)
        else { return false }
        if options.isEmulated { return true }
        let link = try make("readlink", .text(own), .output(4096), .value(4095), in: state.slot)
        return link.result > 0 && Self.isAgent(Array(link.output.prefix(Int(link.result))))
    }

    /// The agent's own file where a program's should be: the kernel lets only some tasks change `/proc/PID/exe`.
    private func hideAgent(_ result: inout DispatchResult) {
        guard let write = result.writes.first, !write.bytes.isEmpty,
            Self.isAgent(write.bytes)
        else { return }
        result = notModelled("the agent runs in the program's place, and the task may not change its /proc/PID/exe")
    }

    private func source(of fd: UInt64, _ count: Int64, _ state: TaskState) throws(EngineFailure) -> String? {
        guard let source = state.files[fd] ?? ask(fd, state) else { return nil }
        state.files[fd] = source
        switch source {
        case .random: return Self.random
        case .momentary(let what): return what
        case .anonymous: return count == 128 ? Self.signals : nil
        case .other: return nil
        }
    }

    private func ask(_ fd: UInt64, _ state: TaskState) -> DescriptorSource? {
        // The task may end meanwhile: then nobody sees what it read.
        guard let status = try? make("fstatfs", .value(fd), .output(120), in: state.slot).output, status.count == 120
        else { return nil }
        if status.word(0) == Self.anonymousInodes { return .anonymous }
        if let name = Self.momentary[status.word(0)] { return .momentary("contents of a file of \(name)") }
        guard let file = try? make("fstat", .value(fd), .output(144), in: state.slot).output, file.count == 144
        else { return nil }
        if file.word(24) & 0xf000 == 0xc000 { return isNetlink(fd, state) ? .momentary("the network's state") : .other }
        guard file.word(24) & 0xf000 == 0x2000 else { return .other }
        // st_rdev of /dev/random and /dev/urandom.
        return file.word(40) == 0x108 || file.word(40) == 0x109 ? .random : .other
    }
}
