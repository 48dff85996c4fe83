// What the kernel answers about processors, times and random bytes.

/// `PROCESSINFOCLASS` and `THREADINFOCLASS` of this model.
public enum ProcessInformationClass: Sendable {
    /// `ProcessTimes`: creation, exit, kernel and user time.
    case times
    /// `ProcessVmCounters`.
    case virtualMemoryCounters
    /// `ThreadTimes`.
    case threadTimes

    var name: StaticString {
        switch self {
        case .times: "ProcessTimes"
        case .virtualMemoryCounters: "ProcessVmCounters"
        case .threadTimes: "ThreadTimes"
        }
    }
}

extension NTExecutive {
    /// `ZwYieldExecution`.
    ///
    /// - Returns: `STATUS_NO_YIELD_PERFORMED`: nobody else was ready, as far as a model without a scheduler knows.
    @discardableResult
    public func ZwYieldExecution() -> NTSTATUS { trace("ZwYieldExecution", .none, .STATUS_NO_YIELD_PERFORMED) }

    /// `KeGetCurrentProcessorNumberEx`: which one it is, only the machine knows.
    public func KeGetCurrentProcessorNumberEx() { trace("KeGetCurrentProcessorNumberEx", .none, .STATUS_SUCCESS) }

    /// `SystemPrng`: the bytes are the machine's.
    public func SystemPrng(count: Int) { trace("SystemPrng", .value("Length", UInt64(count)), .STATUS_SUCCESS) }

    /// `ZwQueryInformationProcess`, `ZwQueryInformationThread`: the counters are the machine's.
    ///
    /// - Returns: `STATUS_PROCESS_IS_TERMINATING` once the process ran down.
    @discardableResult
    public func ZwQueryInformationProcess(_ process: EProcess, _ information: ProcessInformationClass) -> NTSTATUS {
        let status: NTSTATUS = process.hasExited ? .STATUS_PROCESS_IS_TERMINATING : .STATUS_SUCCESS
        return trace(
            information == .threadTimes ? "ZwQueryInformationThread" : "ZwQueryInformationProcess",
            .code(information.name),
            status
        )
    }

    /// `MmCopyVirtualMemory` between two processes; the bytes are the machine's.
    ///
    /// - Returns: `STATUS_PARTIAL_COPY` when the range leaves user space, `STATUS_PROCESS_IS_TERMINATING`.
    @discardableResult
    public func MmCopyVirtualMemory(with process: EProcess, address: UInt64, size: UInt64) -> NTSTATUS {
        let (end, overflow) = address.addingReportingOverflow(size)
        let isInside = !overflow && address >= AddressSpace.lowestUserAddress && end <= AddressSpace.highestUserAddress
        let status: NTSTATUS =
            process.hasExited
            ? .STATUS_PROCESS_IS_TERMINATING : isInside ? .STATUS_SUCCESS : .STATUS_PARTIAL_COPY
        return trace("MmCopyVirtualMemory", .range(address, address &+ size), status)
    }
}
