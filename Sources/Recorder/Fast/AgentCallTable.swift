// The descriptions as the agent reads them: which calls it may answer, and what memory to copy.
import LinuxABI
import RecorderAgent

/// Compiles capture programs to the table that follows the agent's code (`struct agent_calls`).
///
/// What the agent cannot do (memory behind pointers in memory, arrays of strings or messages) leaves the call to the
/// supervisor.
struct AgentCallTable {
    private var calls = [agent_call](repeating: agent_call(), count: Int(AGENT_NUMBERS))
    private var variants: [agent_variant] = []
    private var programs: [agent_program] = []
    private var steps: [agent_step] = []
    /// Names of calls that the agent may answer, for the log's statistics and for tests.
    private(set) var answered: Set<String> = []

    init() {
        for call in ABI.calls {
            guard let number = call.numbers.x86_64, number < Int(AGENT_NUMBERS), !call.isOpaque else { continue }
            let all = call.variants + [call.plain]
            guard !AgentCallTable.isSupervised(call), all.allSatisfy({ $0.conditions.count <= 2 }) else { continue }
            calls[number].first_variant = UInt32(variants.count)
            calls[number].variants = UInt32(all.count)
            for variant in all { add(variant, of: call) }
        }
    }

    /// Calls that make, replace or end tasks, or change what the supervisor keeps for them, are always its business.
    private static func isSupervised(_ call: CallDescription) -> Bool {
        let plain = call.plain
        return plain.createsTask || plain.isExec || plain.isSupervised || plain.result.kind == .never
    }

    private mutating func add(_ variant: Variant, of call: CallDescription) {
        var entry = agent_variant()
        let conditions = variant.conditions
        entry.argument = (255, 255)
        if let first = conditions.first {
            entry.argument.0 = UInt8(first.argument)
            entry.mask.0 = first.mask
            entry.value.0 = first.value
        }
        if conditions.count > 1 {
            entry.argument.1 = UInt8(conditions[1].argument)
            entry.mask.1 = conditions[1].mask
            entry.value.1 = conditions[1].value
        }
        entry.program = UInt32(programs.count)
        variants.append(entry)

        var program = agent_program()
        // An unknown sub-command keeps all registers.
        let isUnknown = variant === call.plain && !call.variants.isEmpty
        program.arguments = isUnknown ? 6 : UInt8(min(variant.arguments.count, 6))
        program.first_step = UInt32(steps.count)
        program.condition = 255
        let compiled = variant.capture.steps.map { AgentCallTable.step($0, of: variant.capture) }
        if compiled.contains(where: { $0 == nil }) {
            program.flags |= UInt8(AGENT_PROGRAM_NOTIFY.rawValue)
        } else {
            let list = AgentCallTable.joined(compiled.compactMap(\.self), waits: variant.blocking != .never)
            program.steps = UInt8(list.count)
            steps += list
            answered.insert(variant.name.isEmpty ? call.name : "\(call.name)$\(variant.name)")
        }
        switch variant.changesPaths {
        case .never: break
        case .always: program.flags |= UInt8(AGENT_PROGRAM_NOTIFY.rawValue)
        case .whenFlags(let argument, let mask):
            program.flags |= UInt8(AGENT_PROGRAM_NOTIFY_IF.rawValue)
            program.condition = UInt8(argument)
            program.mask = mask
        }
        switch variant.codeEffect {
        case .none: break
        case .maps: program.flags |= UInt8(AGENT_PROGRAM_MAPS.rawValue)
        case .changes: program.flags |= UInt8(AGENT_PROGRAM_CHANGES.rawValue)
        case .protects: program.flags |= UInt8(AGENT_PROGRAM_CHANGES.rawValue | AGENT_PROGRAM_PROTECTS.rawValue)
        case .moves:
            // What lies at the new address is the supervisor's to look at.
            program.flags |= UInt8(AGENT_PROGRAM_CHANGES.rawValue | AGENT_PROGRAM_NOTIFY_IF.rawValue)
            program.condition = 3
            program.mask = ABI.constant("MREMAP_FIXED")
        }
        programs.append(program)
    }

    // MARK: - Steps

    private static func step(_ step: CaptureStep, of program: CaptureProgram) -> agent_step? {
        guard case .argument(let argument) = step.source else { return nil }
        var result = agent_step()
        result.argument = UInt8(argument)
        result.condition = 255
        if let condition = step.condition {
            guard case .argument(let index, _) = condition.value else { return nil }
            result.condition = UInt8(index)
            result.mask = condition.mask
        }
        var flags: UInt32 = 0
        if step.direction != .output { flags |= AGENT_STEP_INPUT.rawValue }
        if step.direction != .input { flags |= AGENT_STEP_OUTPUT.rawValue }
        if step.isPayload { flags |= AGENT_STEP_PAYLOAD.rawValue }
        if step.isAlways { flags |= AGENT_STEP_ALWAYS.rawValue }
        func direction(_ data: Direction) -> UInt32 {
            data == .output ? AGENT_STEP_OUTPUT.rawValue : AGENT_STEP_INPUT.rawValue
        }
        switch step.operation {
        case .bytes(let length):
            result.operation = UInt8(AGENT_BYTES.rawValue)
            guard set(length, of: program, in: &result) else { return nil }
            // The length of input must be known before the call.
            if step.direction == .input, [result.length.kind, result.bound.kind].contains(Kind.pointee) { return nil }
        case .cstring:
            result.operation = UInt8(AGENT_STRING.rawValue)
        case .iovecs(let count, let data):
            guard data != .both else { return nil }
            result.operation = UInt8(AGENT_VECTORS.rawValue)
            guard set(count, of: program, in: &result), result.bound.kind == Kind.none else { return nil }
            flags = direction(data) | AGENT_STEP_PAYLOAD.rawValue
        case .msghdr(let data):
            guard data != .both else { return nil }
            result.operation = UInt8(AGENT_MESSAGE.rawValue)
            flags = direction(data) | AGENT_STEP_PAYLOAD.rawValue
        case .mmsghdr, .strings: return nil
        }
        result.flags = UInt8(flags)
        return result
    }

    /// Memory that is read and then written is captured before the call, and so is a word that a call which waits looks
    /// at: what ends the wait has changed it (futexes). A length behind a pointer comes before the memory that it
    /// measures, because the agent notes the room then.
    private static func joined(_ steps: [agent_step], waits: Bool) -> [agent_step] {
        var steps = steps
        for index in steps.indices where steps[index].operation == UInt8(AGENT_BYTES.rawValue) {
            guard UInt32(steps[index].flags) & AGENT_STEP_INPUT.rawValue != 0 else { continue }
            let isWritten = steps.contains {
                $0.argument == steps[index].argument && UInt32($0.flags) & AGENT_STEP_OUTPUT.rawValue != 0
            }
            let isWord = steps[index].length.kind == Kind.fixed && steps[index].length.scale <= 8
            if isWritten || waits && isWord { steps[index].flags |= UInt8(AGENT_STEP_BEFORE.rawValue) }
        }
        func measures(_ step: agent_step) -> Bool {
            steps.contains {
                ($0.length.kind == Kind.pointee && $0.length.argument == step.argument)
                    || ($0.bound.kind == Kind.pointee && $0.bound.argument == step.argument)
            }
        }
        return steps.filter(measures) + steps.filter { !measures($0) }
    }

    private enum Kind {
        static let none = UInt8(AGENT_LENGTH_NONE.rawValue)
        static let fixed = UInt8(AGENT_LENGTH_FIXED.rawValue)
        static let argument = UInt8(AGENT_LENGTH_ARGUMENT.rawValue)
        static let result = UInt8(AGENT_LENGTH_RESULT.rawValue)
        static let pointee = UInt8(AGENT_LENGTH_POINTEE.rawValue)
        static let bits = UInt8(AGENT_LENGTH_BITS.rawValue)
    }

    private static func set(_ length: CaptureLength, of program: CaptureProgram, in step: inout agent_step) -> Bool {
        switch length {
        case .sum(let base, let extra):
            guard step.extra == 0, extra >= 0, set(base, of: program, in: &step) else { return false }
            step.extra = UInt32(extra)
            return true
        case .minimum(let left, let right):
            guard let first = simple(left, of: program), let second = simple(right, of: program) else { return false }
            step.length = first
            step.bound = second
            return true
        default:
            guard let first = simple(length, of: program) else { return false }
            step.length = first
            return true
        }
    }

    private static func simple(_ length: CaptureLength, of program: CaptureProgram) -> agent_length? {
        var result = agent_length()
        result.size = 8
        func of(_ kind: UInt8, argument: Int, scale: Int) -> agent_length {
            result.kind = kind
            result.argument = UInt8(argument)
            result.scale = UInt32(scale)
            if let narrow = program.narrowArguments.first(where: { $0.index == argument }) {
                result.size = UInt8(narrow.scalar.size)
                result.is_signed = narrow.scalar.isSigned ? 1 : 0
            }
            return result
        }
        switch length {
        case .fixed(let count): return of(Kind.fixed, argument: 0, scale: count)
        case .argument(let index, let scale): return of(Kind.argument, argument: index, scale: scale)
        case .result(let scale): return of(Kind.result, argument: 0, scale: scale)
        case .pointee(let index, let scale): return of(Kind.pointee, argument: index, scale: scale)
        case .bits(let index): return of(Kind.bits, argument: index, scale: 1)
        case .field, .minimum, .sum: return nil
        }
    }

    // MARK: - Bytes

    /// The table as it is to lie at AGENT_CALLS.
    var bytes: [UInt8] {
        var header = agent_calls()
        let base = MemoryLayout<agent_calls>.size + calls.count * MemoryLayout<agent_call>.stride
        func rounded(_ size: Int) -> Int { (size + 63) & ~63 }
        let variantsAt = rounded(base)
        let programsAt = rounded(variantsAt + variants.count * MemoryLayout<agent_variant>.stride)
        let stepsAt = rounded(programsAt + programs.count * MemoryLayout<agent_program>.stride)
        let size = stepsAt + steps.count * MemoryLayout<agent_step>.stride
        header.variants = UInt32(variantsAt)
        header.programs = UInt32(programsAt)
        header.steps = UInt32(stepsAt)
        header.size = UInt32(size)
        var result = [UInt8](repeating: 0, count: size)
        result.withUnsafeMutableBytes { target in
            withUnsafeBytes(of: header) { target.copyMemory(from: $0) }
            func put(_ list: some Collection<some BitwiseCopyable>, at offset: Int) {
                Array(list).withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: $0)
                }
            }
            put(calls, at: MemoryLayout<agent_calls>.size)
            put(variants, at: variantsAt)
            put(programs, at: programsAt)
            put(steps, at: stepsAt)
        }
        return result
    }
}
