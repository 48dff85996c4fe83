// The descriptions agree with the kernel headers of this machine: numbers, flag values, struct layouts.
import Foundation
import Testing

@testable import LinuxABI

@Suite(.serialized) struct UAPITests {
    // MARK: - Call numbers

    @Test func x86NumbersAreTheKernelsOwn() throws {
        try expectNumbers(in: .x86, macros: [], minimum: 360) { $0.numbers.x86_64 }
    }

    @Test func arm64NumbersAreTheGenericTable() throws {
        try expectNumbers(in: .arm64, macros: HeaderGroup.arm64Macros, minimum: 300) { $0.numbers.arm64 }
    }

    private func expectNumbers(
        in group: HeaderGroup,
        macros: [String],
        minimum: Int,
        _ number: (CallDescription) -> Int?
    ) throws {
        let names = ABI.calls.map { "__NR_\($0.name)" }
        let values = try HeaderProbe.evaluate(names, in: group, macros: macros)
        #expect(values.count >= minimum)
        let newest = values.values.max().map(Int.init) ?? 0
        for call in ABI.calls {
            if let value = values["__NR_\(call.name)"] {
                #expect(number(call) == Int(value), "\(call.name) has another number in the \(group.name)")
            } else if let own = number(call) {
                // Not in this table: newer than the installed headers, or one of the reserved numbers before 424.
                #expect(own > newest || (335...423).contains(own), "\(call.name) is not in the \(group.name)")
            }
        }
        // The other way round: every number of the table has a call.
        let described = Set(ABI.calls.compactMap { number($0) })
        for value in values.values { #expect(described.contains(Int(value))) }
        #expect((0...newest).filter { described.contains($0) }.count >= values.count)
    }

    // MARK: - Values

    private static var constants: [Expectation] {
        var seen: Set<String> = []
        let flags = ABI.everyFlagSet.flatMap { $0.entries.map { ($0.name, $0.value) } }
        let enums = ABI.everyEnumeration.flatMap { $0.entries.map { ($0.name, $0.value) } }
        return (flags + enums).filter { seen.insert($0.0).inserted }.map { name, value in
            // The bits of capability words have no names of their own in C.
            let expression = name.hasPrefix("BIT_CAP_") ? "1u << (\(name.dropFirst(4)) & 31)" : name
            // C has many of these as int: a value of 32 bits may come back sign-extended.
            let isWide = value >> 32 != 0 && value >> 32 != 0xffff_ffff
            return Expectation(subject: name, expression: expression, value: value, bits: isWide ? 64 : 32)
        }
    }

    @Test func flagAndEnumValuesAreTheHeaders() throws {
        let constants = Self.constants
        let comparison = try HeaderProbe.compare(constants, in: HeaderGroup.all)
        #expect(comparison.differences.isEmpty, "\(comparison.differences.joined(separator: "\n"))")
        // Debian 12 has the headers of 6.1; what came later is listed, not compared.
        let newer = comparison.unknown.sorted().joined(separator: " ")
        print("\(comparison.compared) constants compared, \(comparison.unknown.count) in no header here: \(newer)")
        #expect(comparison.compared >= 2450)
    }

    // MARK: - Layouts

    /// C types that have grown since the headers of 6.1: described with the size they have in 6.18.
    private static let grown: Set<String> = ["union bpf_attr", "struct perf_event_attr", "struct tcp_info"]

    private static var layouts: [Expectation] {
        var expectations: [Expectation] = []
        for structure in ABI.everyStructure where !structure.cName.isEmpty {
            let type = structure.cName
            if !grown.contains(type) {
                expectations.append(
                    Expectation(subject: structure.name, expression: "sizeof(\(type))", value: UInt64(structure.size))
                )
            }
            for field in structure.fields where field.cName != "" && !isPadding(field.type) {
                let member = field.cName ?? field.name
                let subject = "\(structure.name).\(field.name)"
                expectations.append(
                    Expectation(
                        subject: "offset of \(subject)",
                        expression: "__builtin_offsetof(\(type), \(member))",
                        value: UInt64(field.offset)
                    )
                )
                expectations.append(
                    Expectation(
                        subject: "size of \(subject)",
                        expression: "sizeof(((\(type) *)0)->\(member))",
                        value: UInt64(field.type.size)
                    )
                )
            }
        }
        return expectations
    }

    private static func isPadding(_ type: ABIType) -> Bool {
        if case .pad = type { true } else { false }
    }

    @Test func structLayoutsAreTheHeaders() throws {
        let comparison = try HeaderProbe.compare(Self.layouts, in: HeaderGroup.all)
        #expect(comparison.differences.isEmpty, "\(comparison.differences.joined(separator: "\n"))")
        #expect(comparison.unknown.isEmpty, "named after no C member: \(comparison.unknown.joined(separator: ", "))")
        print("\(comparison.compared) sizes and offsets compared")
        #expect(comparison.compared >= 1550)
    }

    // MARK: - The comparison itself

    @Test func aWrongValueIsReported() throws {
        let wrong = [
            Expectation(subject: "O_CREAT", expression: "O_CREAT", value: ABI.constant("O_CREAT") << 1),
            Expectation(subject: "O_EXCL", expression: "O_EXCL", value: ABI.constant("O_EXCL")),
            Expectation(subject: "size", expression: "sizeof(struct iovec)", value: 17),
            Expectation(subject: "NO_SUCH_FLAG", expression: "NO_SUCH_FLAG", value: 1),
        ]
        let comparison = try HeaderProbe.compare(wrong, in: HeaderGroup.all)
        #expect(comparison.compared == 3)
        #expect(comparison.differences.map { $0.prefix { $0 != ":" } } == ["O_CREAT", "size"])
        #expect(comparison.unknown == ["NO_SUCH_FLAG"])
    }
}
