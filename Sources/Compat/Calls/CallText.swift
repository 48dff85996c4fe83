// One recorded call as people read it.
public import LinuxABI
public import TraceLog

/// A recorded call with its description: names, arguments and results as text, and its cells.
public struct CallText {
    public let record: CallRecord
    /// nil for a call that the descriptions do not know, and for 32-bit calls.
    public let variant: Variant?
    private let input: MemoryChunks
    private let output: MemoryChunks
    private let printer: Printer

    public init(_ record: CallRecord, in trace: Trace, printer: Printer = Printer()) {
        self.record = record
        self.printer = printer
        input = trace.memory(of: record, .input)
        output = trace.memory(of: record, .output)
        variant = ABI.call(Int(record.number), record.architecture)?.variant(for: record.arguments)
    }

    /// `openat`; `syscall_0x1ff` for a number that nobody knows.
    public var name: String { variant?.callName ?? ABI.name(Int(record.number), record.architecture) }

    /// Raw result; nil for a call that did not return, and one whose result was lost.
    public var result: Int64? { record.flags.isDisjoint(with: .withoutResult) ? record.result : nil }

    /// The errno it failed with.
    public var error: Errno? { result.flatMap { Errno(result: $0) } }

    public var decoded: DecodedCall? { variant?.decode(record.arguments, result: result, input: input, output: output) }

    /// One text per argument: the six registers in hex for a call without a description.
    public var arguments: [String] {
        guard let variant, let decoded else {
            return (0..<6).map { "0x" + String(record.arguments[$0], radix: 16) }
        }
        return printer.arguments(variant, record.arguments, decoded)
    }

    /// `openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`.
    public var call: String { "\(name)(\(arguments.joined(separator: ", ")))" }

    /// `3`, `-1 ENOENT (No such file or directory)`, `?`.
    public var resultText: String { printer.result(variant, result) }

    /// An engine's raw result in the same words.
    public func text(ofResult result: Int64?) -> String { printer.result(variant, result) }

    /// Every cell that the call exercises.
    public var cells: [Cell] {
        variant?.cells(record.arguments, memory: input) ?? [Cell(call: name, families: [.other])]
    }

    /// Text in the arguments (paths, names), whole.
    public var strings: [String] {
        guard let decoded else { return [] }
        var found: [String] = []
        for field in decoded.arguments + decoded.output { field.value.collectStrings(into: &found) }
        return found
    }
}

extension Value {
    fileprivate func collectStrings(into found: inout [String]) {
        switch self {
        case .string(let bytes, _): found.append(String(decoding: bytes, as: UTF8.self))
        case .structure(let fields): for field in fields { field.value.collectStrings(into: &found) }
        case .list(let values, _): for value in values { value.collectStrings(into: &found) }
        case .pointer(_, let target): target?.collectStrings(into: &found)
        case .scalar, .bytes, .unavailable: break
        }
    }
}

extension CallFlags {
    /// The flags in words, as `lacuna show` has them.
    public var names: [String] {
        [
            (CallFlags.unfinished, "unfinished"), (.denied, "denied"), (.inputFault, "input fault"),
            (.outputFault, "output fault"), (.resultLost, "result lost"), (.opaque, "opaque"),
            (.interrupted, "interrupted"),
        ].filter { contains($0.0) }.map(\.1)
    }
}
