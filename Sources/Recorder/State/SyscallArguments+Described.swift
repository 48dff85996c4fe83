// Registers that a call does not take hold what the program last computed in them: noise that would fill the log.
import LinuxABI

extension SyscallArguments {
    /// The arguments with registers that the call does not read set to zero.
    ///
    /// All six stay for a call without description, and for a sub-command the descriptions do not know.
    func described(_ number: UInt32, _ architecture: Architecture) -> SyscallArguments {
        guard let description = ABI.call(Int(number), architecture), !description.isOpaque else { return self }
        let variant = description.variant(for: self)
        guard variant !== description.plain || description.variants.isEmpty else { return self }
        var result = self
        for register in min(variant.arguments.count, 6)..<6 { result[register] = 0 }
        return result
    }
}
