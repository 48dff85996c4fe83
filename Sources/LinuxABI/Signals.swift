// Names of signals.

private let signalNames = [
    "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
    "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
    "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
    "SIGSYS",
]

/// `SIGINT`, `SIGRT_3`; the bare number if it is no signal. Source: signal(7), x86-64 and arm64.
public func signalName(_ number: Int32) -> String {
    if number > 0, Int(number) < signalNames.count { return signalNames[Int(number)] }
    if number >= 32, number <= 64 { return "SIGRT_\(number - 32)" }
    return String(number)
}

/// Whether the default action is to do nothing, in a program that runs (SIGCONT lets one go on). Source: signal(7).
public func isIgnoredByDefault(_ signal: Int32) -> Bool { ignoredByDefault.contains(signal) }

private let ignoredByDefault = Set(["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH"].compactMap(signalNumber))

/// The number of a signal's name, nil if there is none.
public func signalNumber(_ name: String) -> Int32? {
    signalNames.firstIndex(of: name).flatMap { $0 == 0 ? nil : Int32($0) }
}
