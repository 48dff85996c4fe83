// Whether a root is likely to make the program fail: a heuristic, and the only place it lives.

import LinuxABI

/// What the rest of the recording says of the calls that diverged.
struct FatalContext {
    /// Later uses of what a call made, by call.
    var uses: CallTable<UInt32>
    /// How often the recorded program met an error of a call and went on, by description name.
    var recordedErrors: [String: UInt64]
}

/// Judges a root by the evidence. The recorded program never met this answer, so what it does with it is not known;
/// these rules stand in for that, the first that applies decides:
///
/// 1. The description names what the usual callers do after such an answer (clone3 → clone): not fatal.
/// 2. The description says that the usual callers end then, or the call never returns, or is an exec and decides what the
///    task is: fatal. So is `ptrace` where a kernel has none.
/// 3. A signal's handler began on a misaligned stack: not fatal, if it is short; fatal for a task that was made in it and lives
///    on that stack: compilers store vectors there with instructions that demand the alignment.
/// 4. The engine succeeded too and only a value differs: not fatal; what hangs on the value is not known.
/// 5. A call that the recording still completed and the engine blocks on: fatal, the program hangs.
/// 6. The recorded program met errors of the same call and went on, and nothing followed: it was probing; not fatal.
/// 7. A file below /proc or /sys that was only to be read: programs tune themselves by these and do without; not fatal.
/// 8. What is known of a file that is there is refused (stat, access): the program takes it for missing; fatal.
/// 9. What the call made is used later (a descriptor, a task, a mapping, an id, a path): fatal.
/// 10. Later divergences depend on what it changed (followers): fatal.
/// 11. Else nothing that followed depended on it: not fatal.
///
/// - Parameter exercised: every cell of the call; the root holds only those at fault.
func judgeFatality(_ root: Root, exercised: [Cell], _ context: FatalContext) -> FatalJudgement {
    let decisive: Set<String> = ["execve", "execveat", "exit", "exit_group"]
    let call = root.name.prefix { $0 != "$" }
    if let errno = root.engine.flatMap(Errno.init(result:)),
        let fallback = ABI.fallback(String(call), exercised, for: errno)
    {
        return FatalJudgement(false, fallback)
    }
    if let engine = root.engine, engine < 0, root.recorded.map({ $0 >= 0 }) ?? false,
        let requirement = ABI.requirement(root.name)
    {
        return FatalJudgement(true, requirement)
    }
    if decisive.contains(String(call)) { return FatalJudgement(true, "\(call) decides what the task runs") }
    if call == "ptrace", root.engine == -Int64(Errno.ENOSYS.rawValue), (root.recorded ?? -1) >= 0 {
        return FatalJudgement(true, "a tracer has nothing to do where nothing can be traced")
    }
    if root.differences.contains(where: { $0.rule == taskStackRule }) {
        return FatalJudgement(true, "a task lives on a stack that its first aligned vector store faults on")
    }
    if root.differences.contains(where: { $0.rule == handlerStackRule }) {
        return FatalJudgement(false, "handlers that store no vectors on their stack do not notice")
    }
    if let recorded = root.recorded, let engine = root.engine, recorded >= 0, engine >= 0 {
        if root.followers.isEmpty { return FatalJudgement(false, "both succeed; no later call depends on the value") }
        return FatalJudgement(false, "both succeed; the value reaches \(laterCalls(root.followers.count))")
    }
    if root.verdict == .blocked { return FatalJudgement(true, "the program would hang here") }
    let met = context.recordedErrors[root.name] ?? 0
    if met > 0, root.followers.isEmpty, root.uses == 0 {
        return FatalJudgement(false, "the program met \(met) errors of this call while recorded, and went on")
    }
    if let recorded = root.recorded, recorded < 0, root.followers.isEmpty {
        return FatalJudgement(false, "an error in the recording too; no later call depends on which")
    }
    if isInformation(root, exercised) { return FatalJudgement(false, "a file of the kernel that was only read") }
    if let recorded = root.recorded, recorded >= 0, questions.contains(String(call)) {
        return FatalJudgement(true, "the file is there, and the program is told that it is not")
    }
    if root.uses > 0 { return FatalJudgement(true, "\(laterCalls(root.uses, "use")) what it made") }
    if call == "mmap" || call == "brk" || call == "mremap" {
        return FatalJudgement(true, "the program uses the memory it asked for")
    }
    if !root.followers.isEmpty {
        return FatalJudgement(true, "\(laterCalls(root.followers.count, "depend")) on what it changed")
    }
    return FatalJudgement(false, "nothing that followed depended on it")
}

/// `1 later call depends`, `2 later calls depend`.
private func laterCalls(_ count: some BinaryInteger, _ verb: String = "") -> String {
    let ending = verb.isEmpty ? "" : " \(verb)" + (count == 1 ? "s" : "")
    return "\(count) later call" + (count == 1 ? "" : "s") + ending
}

/// Calls that only ask about a file.
private let questions: Set<String> = [
    "stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
]

/// A read-only open of a file below /proc or /sys, or a question about one.
private func isInformation(_ root: Root, _ exercised: [Cell]) -> Bool {
    let cells = exercised.map(\.selector)
    return cells.contains { $0.hasPrefix("/proc/") || $0.hasPrefix("/sys/") }
        && !cells.contains { ["O_WRONLY", "O_RDWR", "O_CREAT"].contains($0) }
        && (["open", "openat", "openat2"].contains(root.name.prefix { $0 != "$" })
            || questions.contains(String(root.name.prefix { $0 != "$" })))
}
