// What the ptrace recorder remembers of a thread between its stops.
import CLinux
import Glibc
import LinuxABI

final class Tracee {
    let tid: Int32
    var process: TracedProcess
    /// Below `Tracepoints.slots`.
    let slot: Int
    /// In a call: its entry was seen.
    var isInCall = false
    var sequence: UInt64 = 0
    var number: UInt32 = 0
    var executes = false
    /// Output to copy when the call returns.
    var regions: [clinux_region] = []
    /// A handler that rt_sigaction is about to set.
    var newHandler: (signal: Int32, handler: UInt64)?
    /// Stopped before its parent's clone was reported.
    var waitsForParent = false

    init(tid: Int32, process: TracedProcess, slot: Int) {
        self.tid = tid
        self.process = process
        self.slot = slot
    }
}

/// What the threads of a process share.
final class TracedProcess {
    let tgid: Int32
    /// Signal handlers by number: 0 is the default, 1 ignores.
    var handlers: [UInt64]

    init(tgid: Int32, handlers: [UInt64]) {
        self.tgid = tgid
        self.handlers = handlers
    }

    /// Handlers are gone after an exec; what is ignored stays ignored.
    func resetHandlers() {
        for index in handlers.indices where handlers[index] > 1 { handlers[index] = 0 }
    }

    /// Without a tracer the kernel would not deliver it.
    func drops(_ signal: Int32) -> Bool {
        let handler = Int(signal) < handlers.count ? handlers[Int(signal)] : 0
        return handler == 1 || (handler == 0 && isIgnoredByDefault(signal))
    }
}
