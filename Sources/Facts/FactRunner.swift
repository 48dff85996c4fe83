// Runs checks: boots an engine with a small world and makes the calls.
public import Engine
import LinuxABI

/// What a check showed.
public enum FactOutcome: Sendable, Hashable {
    case passed
    /// The line of the check file, what was asked, and what came.
    case failed(line: Int, step: String, reason: String)
    /// The engine says that it does not model this.
    case notModelled(line: Int, step: String, reason: String)
}

/// What the checks touched of the layer below.
public struct FactReach: Sendable {
    /// NTSTATUS names that a step of some call ended with.
    public internal(set) var statuses: Set<String> = []
    /// NT routines below each call.
    public internal(set) var routines: [String: Set<String>] = [:]
    /// Calls that a handler served.
    public internal(set) var handled: Set<String> = []
    /// Calls that the dispatcher's default served.
    public internal(set) var holes: Set<String> = []
    /// Calls whose handler said that it does less than Linux, with its words.
    public internal(set) var partial: [String: Set<String>] = [:]

    public init() {}
}

/// Runs the checks of one engine.
public final class FactRunner {
    private let make: (Environment) throws(EngineFailure) -> any Engine
    public private(set) var reach = FactReach()

    /// - Parameter make: a new engine, booted with the environment.
    public init(_ make: @escaping (Environment) throws(EngineFailure) -> any Engine) { self.make = make }

    public func run(_ check: FactCheck) -> FactOutcome {
        var run: Run
        var own = FactReach()
        defer { reach.formUnion(own) }
        do throws(EngineFailure) { run = Run(engine: try make(.ofChecks)) } catch {
            return .failed(line: check.line, step: "boot", reason: error.description)
        }
        for step in check.steps {
            let problem: Run.Problem?
            do throws(EngineFailure) { problem = try run.perform(step, &own) } catch {
                problem = .failed(error.description)
            }
            switch problem {
            case nil: break
            case .failed(let reason): return .failed(line: step.line, step: step.text, reason: reason)
            case .notModelled(let reason): return .notModelled(line: step.line, step: step.text, reason: reason)
            }
            let broken = run.engine.checkInvariants()
            if let first = broken.first { return .failed(line: step.line, step: step.text, reason: "broken: \(first)") }
        }
        if let missed = check.statuses.first(where: { !own.statuses.contains($0) }) {
            return .failed(line: check.line, step: missed, reason: "no step came by it")
        }
        return .passed
    }
}

/// One check on one engine.
private struct Run {
    enum Problem {
        case failed(String)
        case notModelled(String)
    }

    let engine: any Engine
    private var encoder = CallEncoder(base: 0x10_0000_0000)
    private var names: Literal.Names = [:]
    private var tasks: [String: TaskID] = ["": TaskID(rawValue: 0)]
    private var nextTask: UInt32 = 1
    private var index: UInt64 = 0
    private var time: UInt64 = 0
    private var parked: [TaskID: EncodedCall] = [:]

    init(engine: any Engine) { self.engine = engine }

    mutating func perform(_ step: FactCheck.Step, _ reach: inout FactReach) throws(EngineFailure) -> Problem? {
        guard let task = tasks[step.task] else { return .failed("no task is called \(step.task)") }
        let call: EncodedCall
        let result: DispatchResult
        switch step.action {
        case .advance(let duration):
            time += duration
            engine.advance(to: time)
            return nil
        case .signal(let signal):
            engine.postSignal(signal, to: task)
            return nil
        case .raise(let exception):
            guard let hosted = engine as? any HostedEngine else { return .failed("the engine has no host") }
            for step in try hosted.raise(exception, on: task) { reach.statuses.insert(step.status) }
            return nil
        case .host(let command, let answer):
            guard let hosted = engine as? any HostedEngine else { return .failed("the engine has no host") }
            let found = try hosted.host(command)
            if found.hasPrefix("STATUS_") { reach.statuses.insert(found) }
            return answer == nil || answer == found ? nil : .failed("it is \(found)")
        case .resume:
            guard let waiting = parked[task] else { return .failed("no call of this task waits") }
            call = waiting
            result = try engine.retry(task)
        case .call(let name, let arguments):
            let child = TaskID(rawValue: nextTask)
            do throws(LiteralError) { call = try encoder.encode(name, arguments, names: names) } catch {
                return .failed(error.description)
            }
            index += 1
            let guest = GuestCall(
                index: index,
                number: call.description.numbers.x86_64 ?? -1,
                architecture: .x86_64,
                arguments: call.words,
                memory: call.memory,
                childTask: child
            )
            result = try engine.dispatch(guest, on: task)
            if call.variant.createsTask, !result.failed {
                nextTask += 1
                if let binding = step.binding { tasks[binding] = child }
            }
        }
        parked[task] = result.outcome == .blocked ? call : nil
        reach.note(call.description.name, result.evidence)
        if result.evidence.support == .notModelled { return .notModelled(result.evidence.note) }
        return judge(step, call, result).map { .failed($0) }
    }

    private mutating func judge(_ step: FactCheck.Step, _ call: EncodedCall, _ result: DispatchResult) -> String? {
        switch (step.expectation, result.outcome) {
        case (.blocked, .blocked), (.exited, .exited): return signals(step, result)
        case (_, .blocked): return "it waits"
        case (_, .exited): return "the task is gone"
        case (.blocked, .returned(let value)), (.exited, .returned(let value)):
            return "it is \(Printer().result(call.variant, value))"
        case (.success, .returned(let value)), (.value, .returned(let value)):
            let shown = Printer().result(call.variant, value)
            if case .value(let literal) = step.expectation {
                let returned = Value.scalar(value, .signed, .exact)
                if returned.mismatch(literal, &names) != nil { return "it is \(shown)" }
            } else if result.failed {
                return "it is \(shown)"
            }
            if let binding = step.binding { names[binding] = value }
            if let binding = step.binding, value > 0x10000 { encoder.name(binding, UInt64(bitPattern: value)) }
            return memory(call, value, result) ?? signals(step, result)
        }
    }

    /// What the call wrote must be what the literals in its place say.
    private mutating func memory(_ call: EncodedCall, _ value: Int64, _ result: DispatchResult) -> String? {
        guard !call.expected.isEmpty else { return nil }
        let output = MemoryChunks(call.memory.chunks + result.writes)
        let decoded = call.variant.decode(call.words, result: value, input: call.memory, output: output)
        for argument in call.variant.arguments {
            guard let literal = call.expected[argument.name] else { continue }
            guard let field = decoded.output.first(where: { $0.name == argument.name }) else {
                if result.failed { continue }
                return "\(argument.name) was not written"
            }
            if let problem = field.value.mismatch(literal, &names) { return "\(argument.name): \(problem)" }
        }
        return nil
    }

    private mutating func signals(_ step: FactCheck.Step, _ result: DispatchResult) -> String? {
        guard let wanted = step.signals else { return nil }
        let list = Value.list(result.signals.map { .scalar(Int64($0), .signal, .exact) }, .exact)
        return list.mismatch(.list(wanted, isPrefix: false), &names).map { "signals: \($0)" }
    }
}

extension DispatchResult {
    fileprivate var failed: Bool {
        if case .returned(let value) = outcome { Errno(result: value) != nil } else { false }
    }
}

extension FactReach {
    fileprivate mutating func note(_ call: String, _ evidence: Evidence) {
        for step in evidence.steps {
            statuses.insert(step.status)
            routines[call, default: []].insert(step.name)
        }
        if evidence.support == .partial { partial[call, default: []].insert(evidence.note) }
        if evidence.support == .hole { holes.insert(call) } else { handled.insert(call) }
    }
}
