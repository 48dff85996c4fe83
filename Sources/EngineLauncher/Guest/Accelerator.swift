// KVM if a guest really boots with it, else QEMU's translator.
import FoundationEssentials
import Glibc

enum Accelerator: String {
    case kvm, tcg

    var option: String {
        switch self {
        case .kvm: "kvm"
        // With a thread for each processor the guest hangs when it patches its own code.
        case .tcg: "tcg,thread=single"
        }
    }
    var processor: String {
        switch self {
        case .kvm: "host"
        case .tcg: "max"
        }
    }

    /// A device file proves nothing: under some hypervisors a guest hangs in its first second. So one is booted, and the
    /// verdict is kept until the host boots anew.
    ///
    /// - Parameter boots: boots a guest within a few seconds, and says whether it answered.
    static func choose(boots: (Accelerator) -> Bool) -> Accelerator {
        guard access("/dev/kvm", R_OK | W_OK) == 0 else { return .tcg }
        let file = "\(GuestKernel.cacheFolder)/accelerator"
        let boot = hostBoot
        if let known = FileManager.default.contents(atPath: file).map({ String(decoding: $0, as: UTF8.self) }),
            known.hasPrefix(boot + " "), let verdict = Accelerator(rawValue: String(known.dropFirst(boot.count + 1)))
        {
            return verdict
        }
        let verdict: Accelerator = boots(.kvm) ? .kvm : .tcg
        try? FileManager.default.createDirectory(atPath: GuestKernel.cacheFolder, withIntermediateDirectories: true)
        try? HostFile.write(Array("\(boot) \(verdict.rawValue)".utf8), to: file)
        return verdict
    }

    /// A name that this boot of the host has alone.
    private static var hostBoot: String {
        guard let file = fopen("/proc/sys/kernel/random/boot_id", "re") else { return "unknown" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, 64, file) != nil else { return "unknown" }
        return String(decoding: line.prefix { $0 > 0x20 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
