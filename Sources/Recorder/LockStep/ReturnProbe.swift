// The eBPF program at sys_exit, which reports what calls return: there only while it is needed.
import CLinux
import Glibc
import Synchronization

/// Attaching it makes every system call on the host slower (about 80 ns), so in the fast tier it goes when no notified
/// call is under way, and comes back with the next.
///
/// The supervisor arms a call's plan and then sees to it that the probe is attached; the log thread first says that it is
/// gone and then looks for armed plans. Whichever comes first, an armed call finds it attached.
final class ReturnProbe: Sendable {
    private let program: Int32
    /// The attachment; -1 if there is none.
    private let link = Mutex<Int32>(-1)
    private let isAttached = Atomic<Bool>(false)
    private let isKept = Atomic<Bool>(false)
    private let slotCount = Atomic<Int>(0)

    init(_ setup: clinux_bpf_setup) throws(Tracepoints.Refusal) {
        var setup = setup
        let program = clinux_bpf_load(Int32(CLINUX_BPF_SYS_EXIT.rawValue), &setup, nil, 0)
        guard program >= 0 else {
            throw Tracepoints.Refusal(message: "eBPF program: \(errorText(-program))", errno: -program)
        }
        // It must not be attached while the workload is forked: a copy of its descriptor would keep it attached until the
        // workload's exec is over, and everything would be reported twice.
        let chained = clinux_bpf_chain(setup.chain, program)
        guard chained >= 0 else {
            Glibc.close(program)
            throw Tracepoints.Refusal(message: "eBPF map: \(errorText(-chained))", errno: -chained)
        }
        self.program = program
    }

    /// Call after a plan is armed, and before its call goes on.
    ///
    /// - Returns: false if the kernel would not have it: the call's result will be missing.
    func need() -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isAttached.load(ordering: .sequentiallyConsistent) { return true }
        return link.withLock { link in
            if link < 0 { link = clinux_bpf_attach(Int32(CLINUX_BPF_SYS_EXIT.rawValue), program) }
            isAttached.store(link >= 0, ordering: .sequentiallyConsistent)
            return link >= 0
        }
    }

    /// From now on it stays: a program's own filter denies calls, which nothing else reports.
    func keep() { isKept.store(true, ordering: .relaxed) }

    /// Slots in use are below this. Written by the supervisor only.
    var slotsUsed: Int { slotCount.load(ordering: .relaxed) }
    func use(_ slot: Int) {
        if slot >= slotsUsed { slotCount.store(slot + 1, ordering: .relaxed) }
    }

    /// Detaches unless `isNeeded` says that a call is under way.
    func release(unless isNeeded: () -> Bool) {
        guard isAttached.load(ordering: .relaxed), !isKept.load(ordering: .relaxed) else { return }
        link.withLock { link in
            isAttached.store(false, ordering: .sequentiallyConsistent)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if !isNeeded() {
                Glibc.close(link)
                link = -1
            }
            isAttached.store(link >= 0, ordering: .sequentiallyConsistent)
        }
    }

    func close() {
        link.withLock { link in
            if link >= 0 { Glibc.close(link) }
            link = -1
        }
        Glibc.close(program)
    }
}
