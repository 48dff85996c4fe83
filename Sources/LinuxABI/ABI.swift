// The parsed descriptions: one table of everything lacuna knows of the Linux system call interface.
import CABIData

/// The system calls of Linux, by number and by name. Parsed once, on first use.
public enum ABI {
    static let shared: Descriptions = {
        do {
            return try Descriptions.embedded()
        } catch {
            // The descriptions are part of the build: a broken one cannot be reported better than by stopping.
            fatalError("lacuna's own system call descriptions are broken: \(error)")
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
            fatalError("no description defines the constant \(name)")
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
    /// First components of all path classes; empty if one of them is a pattern.
    let pathClassRoots: [[UInt8]]
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
        let table = ConstantTable()
        var parsers: [Parser] = []
        for (name, bytes) in files { parsers.append(try Parser(bytes, file: name, constants: table)) }
        for parser in parsers { parser.collectLiterals() }
        for index in parsers.indices { try parsers[index].parse() }
        var resolver = try Resolver(parsers)
        var subs: [String: [CallSyntax]] = [:]
        for parser in parsers {
            for call in parser.calls where !call.variant.isEmpty { subs[call.name, default: []].append(call) }
        }
        var calls: [CallDescription] = []
        var byName: [String: CallDescription] = [:]
        var numbers = CallNumbers()
        for parser in parsers {
            for syntax in parser.calls where syntax.variant.isEmpty {
                guard byName[syntax.name] == nil else { throw syntax.error("is there twice") }
                var variants: [Variant] = []
                var selectors: Set<[Int: Argument.Selector]> = []
                for sub in subs[syntax.name] ?? [] {
                    let variant = try resolver.resolve(sub, inheriting: syntax)
                    let own = Dictionary(
                        uniqueKeysWithValues: variant.arguments.enumerated().compactMap { index, argument in
                            argument.selector.map { (index, $0) }
                        }
                    )
                    guard selectors.insert(own).inserted else {
                        throw sub.error("is never chosen: an earlier sub selects the same")
                    }
                    variants.append(variant)
                }
                let call = CallDescription(
                    name: syntax.name,
                    numbers: (syntax.x86, syntax.arm64),
                    isOpaque: syntax.attribute("opaque") != nil,
                    plain: try resolver.resolve(syntax),
                    variants: variants
                )
                try numbers.add(call, syntax)
                byName[call.name] = call
                calls.append(call)
            }
        }
        for parser in parsers {
            for call in parser.calls where byName[call.name] == nil { throw call.error("has no call") }
        }
        calls.sort { ($0.numbers.x86_64 ?? Int.max, $0.name) < ($1.numbers.x86_64 ?? Int.max, $1.name) }
        self.calls = calls
        self.byName = byName
        constants = table.values
        flagSets = resolver.flagSets
        enumerations = resolver.enumerations
        structures = resolver.structures
        names = resolver.names
        pathClasses = parsers.flatMap(\.pathClasses)
        let roots = pathClasses.compactMap(\.firstComponent)
        pathClassRoots = roots.count == pathClasses.count ? Array(Set(roots)) : []
        x86 = numbers.x86
        arm64 = numbers.arm64
    }

    func call(_ number: Int, _ architecture: Architecture) -> CallDescription? {
        let table = architecture == .arm64 ? arm64 : x86
        // The tables of 32-bit calls are other tables; those calls are recorded raw.
        guard architecture != .i386, number >= 0 else { return nil }
        let own = architecture == .x32 ? number & ~0x4000_0000 : number
        return own < table.count ? table[own] : nil
    }
}

/// Calls by number, one table for each architecture.
private struct CallNumbers {
    var x86: [CallDescription?] = []
    var arm64: [CallDescription?] = []

    mutating func add(_ call: CallDescription, _ syntax: CallSyntax) throws(DescriptionError) {
        try CallNumbers.add(call, syntax, call.numbers.x86_64, to: &x86)
        try CallNumbers.add(call, syntax, call.numbers.arm64, to: &arm64)
    }

    private static func add(
        _ call: CallDescription,
        _ syntax: CallSyntax,
        _ number: Int?,
        to table: inout [CallDescription?]
    ) throws(DescriptionError) {
        guard let number else { return }
        while table.count <= number { table.append(nil) }
        if let other = table[number] { throw syntax.error("\(other.name) has number \(number) already") }
        table[number] = call
    }
}
