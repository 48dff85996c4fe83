// The eBPF side of the lock-step tier: maps, programs, their attachment, and the calibration that makes BTF unnecessary.
import CLinux
import Glibc

/// Loaded and attached tracepoint programs. They go when this is closed, or when the recorder dies.
struct Tracepoints: @unchecked Sendable {
    static let slots = 4096
    /// Of the kernel's ring: room for some hundred calls under way with 64 KiB of output each.
    static let ringBytes = 32 << 20
    /// For the fast tier, where few calls come this way. The kernel takes and clears all of it at once, some 10 ms.
    static let smallRingBytes = 8 << 20

    /// Indexed by thread id: slot + 1 or CLINUX_THREAD_…. Array maps have elements of 8 bytes at least.
    let threads: UnsafeMutablePointer<UInt64>
    let threadCount: Int
    /// Indexed by slot.
    let plans: UnsafeMutablePointer<clinux_plan>
    let ring: KernelRing
    /// Reports what calls return.
    let returns: ReturnProbe
    private let descriptors: [Int32]

    /// Why the programs cannot be used here.
    struct Refusal: Error {
        var message: String
        var errno: Int32
    }

    init(ringBytes: Int = Tracepoints.ringBytes) throws(Refusal) {
        var opened: [Int32] = []
        do throws(Refusal) {
            func keep(_ fd: Int32, _ what: String) throws(Refusal) -> Int32 {
                guard fd >= 0 else { throw Refusal(message: "\(what): \(errorText(-fd))", errno: -fd) }
                opened.append(fd)
                return fd
            }
            threadCount = Tracepoints.threadLimit()
            var setup = clinux_bpf_setup()
            setup.pid_offset = try Tracepoints.taskOffset()
            setup.threads = try keep(clinux_bpf_map(0, 8, UInt32(threadCount)), "eBPF map")
            setup.plans = try keep(
                clinux_bpf_map(0, UInt32(MemoryLayout<clinux_plan>.size), UInt32(Tracepoints.slots)),
                "eBPF map"
            )
            setup.ring = try keep(clinux_bpf_map(1, 0, UInt32(ringBytes)), "eBPF ring buffer")
            threads = try Tracepoints.map(setup.threads, threadCount * 8)
                .assumingMemoryBound(to: UInt64.self)
            plans = try Tracepoints.map(setup.plans, Tracepoints.slots * MemoryLayout<clinux_plan>.size)
                .assumingMemoryBound(to: clinux_plan.self)
            guard let ring = KernelRing(map: setup.ring, size: ringBytes) else {
                throw Refusal(message: "mmap of the eBPF ring buffer: \(errorText(errno))", errno: errno)
            }
            self.ring = ring
            setup.chain = try keep(clinux_bpf_map(2, 4, 1), "eBPF map")
            returns = try ReturnProbe(setup)
            for program in [
                CLINUX_BPF_FORK, CLINUX_BPF_EXEC, CLINUX_BPF_DEATH, CLINUX_BPF_SIGNAL,
                CLINUX_BPF_GENERATE,
            ] {
                let number = Int32(program.rawValue)
                let fd = try keep(clinux_bpf_load(number, &setup, nil, 0), "eBPF program")
                _ = try keep(clinux_bpf_attach(number, fd), "raw tracepoint")
            }
            descriptors = opened
        } catch {
            for fd in opened { Glibc.close(fd) }
            throw error
        }
    }

    /// Detaches the probe of returns if no call is under way whose return is expected.
    func releaseReturns() {
        returns.release {
            (0..<returns.slotsUsed).contains { slot in
                let plan = plans + slot
                guard clinux_load_acquire32(&plan.pointee.armed) != 0 else { return false }
                // Of a thread that was killed in its call nothing will return.
                return state(of: Int32(truncatingIfNeeded: plan.pointee.reserved.0)) == UInt32(slot + 1)
            }
        }
    }

    /// Slot + 1 or CLINUX_THREAD_…; 0, CLINUX_THREAD_NONE, for a thread that is gone or was never recorded.
    func state(of tid: Int32) -> UInt32 {
        tid > 0 && Int(tid) < threadCount ? UInt32(truncatingIfNeeded: threads[Int(tid)]) : 0
    }

    func close() {
        returns.close()
        for fd in descriptors { Glibc.close(fd) }
        munmap(threads, threadCount * 8)
        munmap(plans, Tracepoints.slots * MemoryLayout<clinux_plan>.size)
        ring.unmap()
    }

    private static func map(_ fd: Int32, _ size: Int) throws(Refusal) -> UnsafeMutableRawPointer {
        let page = Int(getpagesize())
        let rounded = (size + page - 1) / page * page
        guard let memory = mmap(nil, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), memory != MAP_FAILED else {
            throw Refusal(message: "mmap of an eBPF map: \(errorText(errno))", errno: errno)
        }
        // A fork would copy an entry for each page.
        madvise(memory, rounded, MADV_DONTFORK)
        return memory
    }

    /// Thread ids are below this.
    private static func threadLimit() -> Int {
        let text = readFile("/proc/sys/kernel/pid_max") ?? []
        let digits = text.prefix { $0 >= 48 && $0 <= 57 }
        let value = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
        return min(max(value, 32768), 1 << 22)
    }

    // MARK: - Calibration

    /// The offset of `pid` in the kernel's task_struct, found by looking at a thread of our own, or at several.
    ///
    /// - Throws: also when eBPF sees other thread ids than we do, that is, in a nested pid namespace.
    static func taskOffset() throws(Refusal) -> UInt64 {
        var found = try onOwnThread()
        for _ in 0..<3 where found.count > 1 {
            let others = try onOwnThread()
            found = found.filter(others.contains)
        }
        guard found.count == 1, let offset = found.first else {
            throw Refusal(message: "the layout of the kernel's task_struct is not recognised", errno: 0)
        }
        return UInt64(offset)
    }

    private static func onOwnThread() throws(Refusal) -> [Int] {
        final class Box { var result: Result<[Int], Refusal> = .success([]) }
        let box = Box()
        let thread = DedicatedThread {
            do throws(Refusal) { box.result = .success(try candidates()) } catch { box.result = .failure(error) }
        }
        thread?.join()
        return try box.result.get()
    }

    private static func candidates() throws(Refusal) -> [Int] {
        let size = 16384
        var opened: [Int32] = []
        defer { for fd in opened { Glibc.close(fd) } }
        func keep(_ fd: Int32, _ what: String) throws(Refusal) -> Int32 {
            guard fd >= 0 else { throw Refusal(message: "\(what): \(errorText(-fd))", errno: -fd) }
            opened.append(fd)
            return fd
        }
        var setup = clinux_bpf_setup()
        setup.scratch = try keep(clinux_bpf_map(0, UInt32(size), 1), "eBPF map")
        setup.calibrator = UInt64(clinux_gettid())
        let number = Int32(CLINUX_BPF_CALIBRATE.rawValue)
        let program = try keep(clinux_bpf_load(number, &setup, nil, 0), "eBPF program")
        let memory = try map(setup.scratch, size)
        defer { munmap(memory, size) }
        // Attaching anew what was just detached waits for all other processors to forget it.
        if clinux_bpf_run(program) < 0 {
            let link = try keep(clinux_bpf_attach(number, program), "raw tracepoint")
            _ = clinux_gettid()
            Glibc.close(link)
            opened.removeLast()
        }
        let wanted = UInt64(UInt32(clinux_gettid())) | UInt64(UInt32(getpid())) << 32
        let found = stride(from: 0, to: size - 8, by: 4).filter {
            memory.loadUnaligned(fromByteOffset: $0, as: UInt64.self) == wanted
        }
        guard !found.isEmpty else {
            throw Refusal(
                message: "eBPF does not see this process under its own ids (a nested pid namespace)",
                errno: 0
            )
        }
        return found
    }
}
