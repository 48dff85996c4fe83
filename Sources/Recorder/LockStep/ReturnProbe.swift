// The eBPF programs at sys_exit, which report what calls return: there only while they are needed.
import CLinux
import Glibc
import Synchronization

/// Attaching one makes every system call on the host slower (about 80 ns), so in the fast tier they go when no notified
/// call is under way, and come back with the next.
///
/// The supervisor arms a call's plan and then sees to it that the probe is attached; the log thread first says that it is
/// gone and then looks for armed plans. Whichever comes first, an armed call finds it attached.
final class ReturnProbe: Sendable {
    private struct Links {
        /// For plans of at most CLINUX_FEW_REGIONS; loaded in about 4 ms.
        var few: Int32 = -1
        /// For the others; the verifier takes some 60 ms, so another thread loads it meanwhile.
        var many: Int32 = -1
        var attachedFew: Int32 = -1
        var attachedMany: Int32 = -1
        var loader: DedicatedThread?
    }
    private let links = Mutex(Links())
    private let hasFew = Atomic<Bool>(false)
    private let hasMany = Atomic<Bool>(false)
    private let isLoaded = Atomic<Bool>(false)
    private let isKept = Atomic<Bool>(false)
    private let slotCount = Atomic<Int>(0)

    init(_ setup: clinux_bpf_setup) throws(Tracepoints.Refusal) {
        let few = ReturnProbe.load(CLINUX_BPF_SYS_EXIT_FEW, setup)
        guard few >= 0 else { throw Tracepoints.Refusal(message: "eBPF program: \(errorText(-few))", errno: -few) }
        links.withLock { $0.few = few }
        // Only to see whether it may be attached. It must not be while the workload is forked: a copy of its descriptor
        // would keep it attached until the workload's exec is over, and everything would be reported twice.
        let attempt = clinux_bpf_attach(Int32(CLINUX_BPF_SYS_EXIT_FEW.rawValue), few)
        guard attempt >= 0 else {
            Glibc.close(few)
            throw Tracepoints.Refusal(message: "raw tracepoint: \(errorText(-attempt))", errno: -attempt)
        }
        Glibc.close(attempt)
        let loader = DedicatedThread { [self] in
            let many = ReturnProbe.load(CLINUX_BPF_SYS_EXIT, setup)
            links.withLock { $0.many = many }
            isLoaded.store(true, ordering: .releasing)
        }
        if loader == nil { isLoaded.store(true, ordering: .releasing) }
        links.withLock { $0.loader = loader }
    }

    private static func load(_ program: clinux_bpf_program, _ setup: clinux_bpf_setup) -> Int32 {
        var setup = setup
        return clinux_bpf_load(Int32(program.rawValue), &setup, nil, 0)
    }

    /// Call after a plan is armed, and before its call goes on.
    ///
    /// - Parameter regions: how many the plan has.
    /// - Returns: false if the kernel would not have it: the call's result will be missing.
    @discardableResult
    func need(regions: Int) -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if regions <= Int(CLINUX_FEW_REGIONS) {
            return hasFew.load(ordering: .sequentiallyConsistent) || attach(CLINUX_BPF_SYS_EXIT_FEW)
        }
        if hasMany.load(ordering: .sequentiallyConsistent) { return true }
        // Once per recording at most, and only if one of its first calls has many buffers.
        while !isLoaded.load(ordering: .acquiring) { usleepBriefly() }
        return attach(CLINUX_BPF_SYS_EXIT)
    }

    private func attach(_ program: clinux_bpf_program) -> Bool {
        links.withLock { links in
            if program == CLINUX_BPF_SYS_EXIT_FEW {
                if links.attachedFew < 0 { links.attachedFew = clinux_bpf_attach(Int32(program.rawValue), links.few) }
                hasFew.store(links.attachedFew >= 0, ordering: .sequentiallyConsistent)
                return links.attachedFew >= 0
            }
            if links.attachedMany < 0 { links.attachedMany = clinux_bpf_attach(Int32(program.rawValue), links.many) }
            hasMany.store(links.attachedMany >= 0, ordering: .sequentiallyConsistent)
            return links.attachedMany >= 0
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
        guard hasFew.load(ordering: .relaxed) || hasMany.load(ordering: .relaxed), !isKept.load(ordering: .relaxed)
        else { return }
        links.withLock { links in
            hasFew.store(false, ordering: .sequentiallyConsistent)
            hasMany.store(false, ordering: .sequentiallyConsistent)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if !isNeeded() {
                for fd in [links.attachedFew, links.attachedMany] where fd >= 0 { Glibc.close(fd) }
                (links.attachedFew, links.attachedMany) = (-1, -1)
            }
            hasFew.store(links.attachedFew >= 0, ordering: .sequentiallyConsistent)
            hasMany.store(links.attachedMany >= 0, ordering: .sequentiallyConsistent)
        }
    }

    func close() {
        let loader = links.withLock { $0.loader }
        loader?.join()
        links.withLock { links in
            for fd in [links.attachedFew, links.attachedMany, links.few, links.many] where fd >= 0 { Glibc.close(fd) }
            links = Links()
        }
    }
}
