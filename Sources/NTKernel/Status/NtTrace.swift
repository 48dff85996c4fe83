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
        case .value(let meaning, let value): Self.text(meaning, "=0x", value)
        case .range(let start, let end): Self.text("0x", start, "-0x", end)
        }
    }
}

extension NtTrace {
    private static func text(_ meaning: StaticString, _ equals: StaticString, _ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: meaning.utf8CodeUnitCount + equals.utf8CodeUnitCount + 16) { buffer in
            var count = 0
            append(meaning, to: buffer, &count)
            append(equals, to: buffer, &count)
            append(value, to: buffer, &count)
            return count
        }
    }

    private static func text(_ before: StaticString, _ start: UInt64, _ between: StaticString, _ end: UInt64) -> String
    {
        String(unsafeUninitializedCapacity: before.utf8CodeUnitCount + between.utf8CodeUnitCount + 32) { buffer in
            var count = 0
            append(before, to: buffer, &count)
            append(start, to: buffer, &count)
            append(between, to: buffer, &count)
            append(end, to: buffer, &count)
            return count
        }
    }

    private static func append(_ text: StaticString, to buffer: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int) {
        text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count { buffer[count + index] = bytes[index] }
            count += bytes.count
        }
    }

    /// In hexadecimal digits.
    private static func append(_ value: UInt64, to buffer: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int) {
        let digits = max(1, (64 - value.leadingZeroBitCount + 3) / 4)
        var rest = value
        for index in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 0xf)
            buffer[count + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
            rest >>= 4
        }
        count += digits
    }
}

/// The entries of one stretch of time. Plain words, with names beside them: what nobody reads costs a few stores.
struct NtTraceBuffer {
    private struct Entry {
        enum Detail {
            case none
            case code(StaticString)
            /// Index into `names`.
            case name(Int)
            case codeAndName(StaticString, Int)
            case value(StaticString, UInt64)
            case range(UInt64, UInt64)
        }

        let routine: StaticString
        let detail: Detail
        let status: NTSTATUS
    }

    /// Used again from the front: emptying touches nothing. Old names stay until others take their places.
    private var entries: ContiguousArray<Entry> = []
    private var names: ContiguousArray<String> = []
    private(set) var count = 0
    private var nameCount = 0
    /// Entries that did not fit.
    private(set) var dropped = 0

    var all: [NtTrace] {
        entries[..<count].map { entry in
            let detail: NtTrace.Detail =
                switch entry.detail {
                case .none: .none
                case .code(let code): .code(code)
                case .name(let index): .name(names[index])
                case .codeAndName(let code, let index): .codeAndName(code, names[index])
                case .value(let meaning, let value): .value(meaning, value)
                case .range(let start, let end): .range(start, end)
                }
            return NtTrace(routine: entry.routine, detail: detail, status: entry.status)
        }
    }

    @inline(__always)
    mutating func append(_ routine: StaticString, _ detail: NtTrace.Detail, _ status: NTSTATUS, limit: Int) {
        guard count < limit else {
            dropped += 1
            return
        }
        let stored: Entry.Detail
        switch detail {
        case .none: stored = .none
        case .code(let code): stored = .code(code)
        case .name(let name): stored = .name(keep(name))
        case .codeAndName(let code, let name): stored = .codeAndName(code, keep(name))
        case .value(let meaning, let value): stored = .value(meaning, value)
        case .range(let start, let end): stored = .range(start, end)
        }
        let entry = Entry(routine: routine, detail: stored, status: status)
        if count < entries.count { entries[count] = entry } else { entries.append(entry) }
        count += 1
    }

    private mutating func keep(_ name: String) -> Int {
        if nameCount < names.count { names[nameCount] = name } else { names.append(name) }
        nameCount += 1
        return nameCount - 1
    }

    mutating func removeAll() {
        count = 0
        nameCount = 0
        dropped = 0
    }
}

extension NTExecutive {
    /// Entries lost since the last drain because the buffer was full.
    public var tracesDropped: Int { traces.dropped }

    /// The entries since the last drain, oldest first, and empties the buffer.
    ///
    /// The buffer keeps the first ``ExecutiveConfiguration/traceLimit`` entries; ``tracesDropped`` counts the rest.
    public func drainTrace() -> [NtTrace] {
        defer { discardTrace() }
        return traces.all
    }

    /// As ``drainTrace()``, when nobody wants to know.
    public func discardTrace() {
        traces.removeAll()
        keptTraces.removeAll()
    }

    /// Empties the buffer, but keeps the entries until the next ``keepTrace()`` for whoever asks.
    public func keepTrace() {
        swap(&traces, &keptTraces)
        traces.removeAll()
    }

    /// The entries that ``keepTrace()`` kept last.
    public var keptTrace: [NtTrace] { keptTraces.all }

    /// Notes a routine's result and hands it on.
    @discardableResult
    @inline(__always)
    func trace(_ routine: StaticString, _ detail: NtTrace.Detail, _ status: NTSTATUS) -> NTSTATUS {
        routineCount &+= 1
        traces.append(routine, detail, status, limit: traceLimit)
        return status
    }
}
