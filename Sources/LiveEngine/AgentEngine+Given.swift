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

    /// What must be known of the file that a call is on.
    func about(_ name: String, _ call: GuestCall, _ state: TaskState) -> About {
        if Self.readers.contains(name) {
            let isKnown = opened?.mode == .live && state.files[call.arguments[0]] != nil
            return isKnown ? .nothing : .descriptor(argument: 0)
        }
        if name == "getdents64" || name == "fstat" { return .descriptor(argument: 0) }
        guard Self.statusBuffers[name] != nil else { return .nothing }
        let place = name == "newfstatat" || name == "statx" ? 1 : 0
        guard case .bytes(let path) = call.memory.readString(call.arguments[place], limit: 4096), !path.isEmpty else {
            return .descriptor(argument: 0)
        }
        return path[0] == UInt8(ascii: "/") ? .path(argument: place) : .nothing
    }

    /// Marks bytes that no replay can repeat: of random devices, and of files that tell the machine's state.
    func markGiven(
        _ name: String,
        _ call: GuestCall,
        _ file: FileNature?,
        _ state: TaskState,
        _ result: inout DispatchResult
    ) {
        guard case .returned(let count) = result.outcome, count >= 0 else { return }
        if let offset = Self.statusBuffers[name] {
            markStatus(name, call.arguments[offset], file, &result)
            return
        }
        if name == "readlink" || name == "readlinkat" { hideAgent(&result) }
        guard Self.readers.contains(name), let what = source(of: call.arguments[0], file, count, state) else { return }
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

    /// Lists the descriptors of a task without the agent's own.
    func hideDescriptors(_ file: FileNature?, _ result: inout DispatchResult) throws(EngineFailure) {
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
        guard kept.count < write.bytes.count, file?.system == 0x9fa0 else { return }
        result.writes[0] = .init(address: write.address, bytes: kept)
        result.outcome = .returned(Int64(kept.count))
    }

    private static let random = "random bytes"
    private static let signals = "processor times of a signal's sender"
    private static let anonymousInodes: Int64 = 0x0904_1934
    /// Which argument of a call is where it writes a file's status.
    private static let statusBuffers = ["stat": 1, "lstat": 1, "fstat": 1, "newfstatat": 2, "statx": 4]

    /// Link counts and times of the kernel's own files are the moment's.
    private func markStatus(
        _ name: String,
        _ buffer: UInt64,
        _ file: FileNature?,
        _ result: inout DispatchResult
    ) {
        guard let write = result.writes.first(where: { $0.address == buffer }) else { return }
        let isExtended = name == "statx"
        guard write.bytes.count >= (isExtended ? 256 : 144) else { return }
        // stx_dev_major and stx_dev_minor; st_dev.
        let device = isExtended ? write.bytes.word(136) : write.bytes.word(0)
        // Only file systems without a disk: major 0.
        guard isExtended ? device & 0xffff_ffff == 0 : device & 0xfff00 == 0 else { return }
        let key = isExtended ? device >> 32 : device
        // A relative path leads to a file system that another call has named.
        if let file, file.system >= 0 {
            kernelDevices[key] = Self.momentary[UInt64(truncatingIfNeeded: file.system)] != nil
        }
        guard kernelDevices[key] == true else { return }
        let parts: [(UInt64, Int)] =
            isExtended
            ? [(16, 4), (64, 16), (80, 16), (96, 16), (112, 16)] : [(16, 8), (72, 16), (88, 16), (104, 16)]
        for (offset, count) in parts {
            let part = GivenUse.Part.memory(address: buffer + offset, count: count)
            result.given.append(GivenUse(name: "times of a kernel's file", part: part, isMomentary: true))
        }
    }

    private static func isAgent(_ path: [UInt8]) -> Bool {
        let path = String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
        return path.hasSuffix("/lacuna-agent") || path.hasSuffix("/.lacuna/agent")
    }

    /// The call names the program's own file, and the agent's would be taken.
    func isAgentsFile(_ name: String, _ call: GuestCall, _ state: TaskState) throws(EngineFailure) -> Bool {
        let place = ["openat", "openat2", "readlinkat"].contains(name) ? 1 : 0
        let own = "/proc/self/exe"
        guard case .bytes(let path) = call.memory.readString(call.arguments[place], limit: own.utf8.count + 1),
            path.elementsEqual(own.utf8)
        else { return false }
        if options.isEmulated { return true }
        let link = try make("readlink", .text(own), .output(4096), .value(4095), in: state.slot)
        return link.result > 0 && Self.isAgent(Array(link.output.prefix(Int(link.result))))
    }

    /// What an execve names, if it is no script: its interpreter would be the task's file.
    func program(_ call: GuestCall, _ state: TaskState) -> String? {
        guard case .bytes(let bytes) = call.memory.readString(call.arguments[0], limit: 4096),
            bytes.first == UInt8(ascii: "/")
        else { return nil }
        let path = String(decoding: bytes, as: UTF8.self)
        if path == "/proc/self/exe" { return state.program }
        let start = environment.files.first { $0.path == path }?.content.first { $0.offset == 0 }
        return start?.bytes.starts(with: "#!".utf8) == true ? nil : path
    }

    /// The program's own file by its name instead of by `/proc/self/exe`. False: its name is not known.
    func nameProgram(_ name: String, _ state: TaskState, _ request: inout AgentRequest) -> Bool {
        guard let program = state.program else { return false }
        request.arguments[name == "openat" || name == "openat2" ? 1 : 0] = scratch
        request.inputs.append(.init(address: scratch, bytes: Array(program.utf8) + [0]))
        return true
    }

    /// The agent's own file where a program's should be: the kernel lets only some tasks change `/proc/PID/exe`.
    private func hideAgent(_ result: inout DispatchResult) {
        guard let write = result.writes.first, !write.bytes.isEmpty,
            Self.isAgent(write.bytes)
        else { return }
        result = notModelled("the agent runs in the program's place, and the task may not change its /proc/PID/exe")
    }

    /// What the descriptor's file is: as the agent says with this answer, or has said before.
    private func source(of fd: UInt64, _ file: FileNature?, _ count: Int64, _ state: TaskState) -> String? {
        if let file { state.files[fd] = Self.source(file) }
        switch state.files[fd] {
        case .random: return Self.random
        case .momentary(let what): return what
        case .anonymous: return count == 128 ? Self.signals : nil
        case .other, nil: return nil
        }
    }

    private static func source(_ file: FileNature) -> DescriptorSource {
        if file.system == anonymousInodes { return .anonymous }
        if let name = momentary[UInt64(bitPattern: file.system)] { return .momentary("contents of a file of \(name)") }
        if file.mode & 0xf000 == 0xc000 { return file.domain == 16 ? .momentary("the network's state") : .other }
        guard file.mode & 0xf000 == 0x2000 else { return .other }
        // st_rdev of /dev/random and /dev/urandom.
        return file.device == 0x108 || file.device == 0x109 ? .random : .other
    }
}
