// The parsed descriptions: one table of everything lacuna knows of the Linux system call interface.
import CABIData

/// The system calls of Linux, by number and by name. Parsed once, on first use.
public enum ABI {
    static let shared: Descriptions = {
        do {
            return try Descriptions.embedded()
        } catch {
            // The descriptions are part of the build: a broken one cannot be reported better than by stopping.
            preconditionFailure("lacuna's own system call descriptions are broken: \(error)")
        }
    }()

    /// The call with this number, nil if no kernel up to 6.18 has it.
    public static func call(_ number: Int, _ architecture: Architecture) -> CallDescription? {
        shared.call(number, architecture)
    }
    public static func call(named name: String) -> CallDescription? { shared.byName[name] }
    /// Every call, by x86-64 number.
    public static var calls: [CallDescription] { shared.calls }

    /// `openat`, or `syscall_0x1ff` for a number without a name.
    public static func name(_ number: Int, _ architecture: Architecture) -> String {
        call(number, architecture)?.name ?? "syscall_0x\(String(number, radix: 16))"
    }

    /// The value of a flag or enum id. Stops the program if there is none: such a name is a slip of ours.
    public static func constant(_ name: String) -> UInt64 {
        guard let value = shared.constants[name] else {
            preconditionFailure("no description defines the constant \(name)")
        }
        return value
    }
    public static func constantIfKnown(_ name: String) -> UInt64? { shared.constants[name] }
    public static func flagSet(_ name: String) -> FlagSet? { shared.flagSets[name] }
    public static func enumeration(_ name: String) -> Enumeration? { shared.enumerations[name] }
    public static func structure(_ name: String) -> StructDescription? { shared.structures[name] }

    /// All flag sets, enumerations and structs; for tests that compare them with the kernel's headers.
    public static var everyFlagSet: [FlagSet] { shared.flagSets.values.sorted { $0.name < $1.name } }
    public static var everyEnumeration: [Enumeration] { shared.enumerations.values.sorted { $0.name < $1.name } }
    public static var everyStructure: [StructDescription] { shared.structures.values.sorted { $0.name < $1.name } }
}

/// A parsed set of description files.
struct Descriptions: Sendable {
    let calls: [CallDescription]
    let byName: [String: CallDescription]
    let constants: [String: UInt64]
    let flagSets: [String: FlagSet]
    let enumerations: [String: Enumeration]
    let structures: [String: StructDescription]
    let names: [String: [String: Family]]
    let pathClasses: [PathClass]
    private let x86: [CallDescription?]
    private let arm64: [CallDescription?]

    static func embedded() throws(DescriptionError) -> Descriptions {
        var files: [(String, UnsafeBufferPointer<UInt8>)] = []
        let table = CABIData_table()
        for index in 0..<Int(CABIData_count) {
            guard let file = table?[index], let name = file.name else { continue }
            files.append((String(cString: name), UnsafeBufferPointer(start: file.bytes, count: file.size)))
        }
        return try Descriptions(files)
    }

    /// Parses description text; for tests.
    init(text: String, file: String = "text.abi") throws(DescriptionError) {
        let bytes = Array(text.utf8)
        var result: Result<Descriptions, DescriptionError>?
        bytes.withUnsafeBufferPointer { buffer in
            do throws(DescriptionError) { result = .success(try Descriptions([(file, buffer)])) } catch {
                result = .failure(error)
            }
        }
        guard let result else { throw DescriptionError(file: file, line: 0, message: "nothing was parsed") }
        self = try result.get()
    }

    init(_ files: [(String, UnsafeBufferPointer<UInt8>)]) throws(DescriptionError) {
        var parsers: [Parser] = []
        var constants: [String: UInt64] = [:]
        for (name, bytes) in files {
            let parser = try Parser(bytes, file: name)
            for (id, value) in parser.literals() { constants[id] = value }
            parsers.append(parser)
        }
        var defined: [String: UInt64] = [:]
        for index in parsers.indices {
            (parsers[index].constants, parsers[index].defined) = (constants, defined)
            try parsers[index].parse()
            (constants, defined) = (parsers[index].constants, parsers[index].defined)
            (parsers[index].constants, parsers[index].defined) = ([:], [:])
        }
        var resolver = try Resolver(parsers)
        var subs: [String: [CallSyntax]] = [:]
        for parser in parsers {
            for call in parser.calls where !call.variant.isEmpty { subs[call.name, default: []].append(call) }
        }
        var calls: [CallDescription] = []
        var byName: [String: CallDescription] = [:]
        for parser in parsers {
            for syntax in parser.calls where syntax.variant.isEmpty {
                var variants: [Variant] = []
                for sub in subs.removeValue(forKey: syntax.name) ?? [] {
                    variants.append(try resolver.resolve(sub, inheriting: syntax))
                }
                let call = CallDescription(
                    name: syntax.name,
                    numbers: (syntax.x86, syntax.arm64),
                    isOpaque: syntax.attribute("opaque") != nil,
                    plain: try resolver.resolve(syntax),
                    variants: variants
                )
                guard byName.updateValue(call, forKey: call.name) == nil else {
                    throw DescriptionError(file: syntax.file, line: syntax.line, message: "\(call.name) is there twice")
                }
                calls.append(call)
            }
        }
        if let orphan = subs.values.first?.first {
            throw DescriptionError(
                file: orphan.file,
                line: orphan.line,
                message: "sub \(orphan.name)$\(orphan.variant) has no call"
            )
        }
        calls.sort { ($0.numbers.x86_64 ?? Int.max, $0.name) < ($1.numbers.x86_64 ?? Int.max, $1.name) }
        self.calls = calls
        self.byName = byName
        self.constants = constants
        flagSets = resolver.flagSets
        enumerations = resolver.enumerations
        structures = resolver.structures
        names = parsers.reduce(into: [:]) { $0.merge($1.names) { first, _ in first } }
        pathClasses = parsers.flatMap(\.pathClasses)
        x86 = try Descriptions.table(calls) { $0.numbers.x86_64 }
        arm64 = try Descriptions.table(calls) { $0.numbers.arm64 }
    }

    private static func table(
        _ calls: [CallDescription],
        _ number: (CallDescription) -> Int?
    ) throws(DescriptionError) -> [CallDescription?] {
        var table: [CallDescription?] = []
        for call in calls {
            guard let number = number(call) else { continue }
            while table.count <= number { table.append(nil) }
            if let other = table[number] {
                throw DescriptionError(
                    file: "descriptions",
                    line: 0,
                    message: "\(call.name) and \(other.name) have number \(number)"
                )
            }
            table[number] = call
        }
        return table
    }

    func call(_ number: Int, _ architecture: Architecture) -> CallDescription? {
        let table = architecture == .arm64 ? arm64 : x86
        // The tables of 32-bit calls are other tables; those calls are recorded raw.
        guard architecture != .i386, number >= 0 else { return nil }
        let own = architecture == .x32 ? number & ~0x4000_0000 : number
        return own < table.count ? table[own] : nil
    }
}
