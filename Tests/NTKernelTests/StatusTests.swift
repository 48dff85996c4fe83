// NTSTATUS codes against the fact file.
import Foundation
import NTKernel
import Testing

@Suite struct StatusTests {
    @Test func everyCodeOfTheFactFileHasItsValue() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let table = try String(
            contentsOf: root.appendingPathComponent("corpora/facts/wsl1/ntstatus-errno.tsv"),
            encoding: .utf8
        )
        let rows = table.split(separator: "\n").filter { !$0.hasPrefix("#") }.dropFirst()
        #expect(rows.count > 100)
        for row in rows {
            let fields = row.split(separator: "\t", omittingEmptySubsequences: false)
            let status = try #require(NTSTATUS.named(String(fields[0])), "no code named \(fields[0])")
            #expect(status.rawValue == UInt32(fields[1].dropFirst(2), radix: 16))
            #expect(status.name == fields[0])
        }
    }

    @Test func severityFollowsTheTopBits() {
        #expect(NTSTATUS.STATUS_PENDING.isSuccess)
        #expect(NTSTATUS.STATUS_OBJECT_NAME_EXISTS.isSuccess)
        #expect(NTSTATUS.STATUS_NO_MORE_FILES.isWarning && !NTSTATUS.STATUS_NO_MORE_FILES.isSuccess)
        #expect(NTSTATUS.STATUS_ACCESS_DENIED.isError && !NTSTATUS.STATUS_ACCESS_DENIED.isWarning)
    }

    @Test func traceNamesRoutineDetailAndStatusAndIsDrained() {
        let machine = Machine()
        _ = machine.nt.drainTrace()
        _ = machine.open("missing")
        let trace = machine.nt.drainTrace()
        #expect(trace.map(\.routineName) == ["NtCreateFile"])
        #expect(trace.first?.detailText == "missing")
        #expect(trace.first?.status == .STATUS_OBJECT_NAME_NOT_FOUND)
        #expect(machine.nt.drainTrace().isEmpty)
    }

    @Test func traceIsBounded() {
        var configuration = ExecutiveConfiguration()
        configuration.traceLimit = 3
        let machine = Machine(configuration)
        _ = machine.nt.drainTrace()
        for _ in 0..<5 { _ = machine.open("missing") }
        #expect(machine.nt.tracesDropped == 2)
        #expect(machine.nt.drainTrace().count == 3)
    }
}
