// What the executive did, one entry for each routine that was called: the evidence behind a provider's answer.

/// One executive routine and its status, as a kernel trace would show it.
///
/// Entries are cheap: no text is built until somebody reads it.
public struct NtTrace: Sendable {
    /// The object of the call, in few words.
    public enum Detail: Sendable {
        case none
        /// An information class or a control code.
        case code(StaticString)
        /// An object's name.
        case name(String)
        /// An information class and an object's name.
        case codeAndName(StaticString, String)
        /// A number with its meaning: a handle, an address, a byte count.
        case value(StaticString, UInt64)
        /// An address range.
        case range(UInt64, UInt64)
    }

    public let routine: StaticString
    public let detail: Detail
    public let status: NTSTATUS

    /// `NtCreateFile`.
    public var routineName: String { routine.description }

    public var detailText: String {
        switch detail {
        case .none: ""
        case .code(let code): code.description
        case .name(let name): name
        case .codeAndName(let code, let name): code.description + " " + name
        case .value(let meaning, let value): meaning.description + "=0x" + String(value, radix: 16)
        case .range(let start, let end): "0x" + String(start, radix: 16) + "-0x" + String(end, radix: 16)
        }
    }
}

extension NTExecutive {
    /// The entries since the last drain, oldest first, and empties the buffer.
    ///
    /// The buffer keeps the first ``ExecutiveConfiguration/traceLimit`` entries; ``tracesDropped`` counts the rest.
    public func drainTrace() -> [NtTrace] {
        defer {
            traces.removeAll(keepingCapacity: true)
            tracesDropped = 0
            keptTraces = 0
        }
        return keptTraces == 0 ? traces : Array(traces[keptTraces...])
    }

    /// Empties the buffer, but keeps the entries until the next ``dropKeptTrace()`` for whoever asks.
    public func keepTrace() {
        keptTraces = traces.count
        tracesDropped = 0
    }

    /// The entries that ``keepTrace()`` kept last.
    public var keptTrace: ArraySlice<NtTrace> { traces[..<keptTraces] }

    public func dropKeptTrace() {
        guard keptTraces > 0 else { return }
        if keptTraces == traces.count {
            traces.removeAll(keepingCapacity: true)
        } else {
            traces.removeFirst(keptTraces)
        }
        keptTraces = 0
    }

    /// Notes a routine's result and hands it on.
    @discardableResult
    @inline(__always)
    func trace(_ routine: StaticString, _ detail: NtTrace.Detail, _ status: NTSTATUS) -> NTSTATUS {
        routineCount &+= 1
        if traces.count - keptTraces < traceLimit {
            traces.append(NtTrace(routine: routine, detail: detail, status: status))
        } else {
            tracesDropped += 1
        }
        return status
    }
}
