// Programs made to break a recorder that runs inside them: each must run as if alone, and every call be in the log.
import Foundation
import Testing

/// Recordings side by side would only slow each other.
@Suite(.serialized) enum Tiers {}

extension Tiers {
    @Suite(.serialized) struct Stress {
        /// `$LACUNA_PROGRAMS` (names, separated by commas) narrows the choice.
        static let programs: [Program] = {
            let here = Program.all.filter { $0.needs.allSatisfy(has) }
            guard let names = ProcessInfo.processInfo.environment["LACUNA_PROGRAMS"] else { return here }
            return here.filter { names.split(separator: ",").map(String.init).contains($0.name) }
        }()

        @Test(arguments: programs) func noProgramNoticesAndNoCallIsLost(_ program: Program) throws {
            let subject = try Subject(program)
            #expect(subject.expected.status == 0 && !subject.expected.output.contains("not so"), "\(subject.expected)")
            for tier in Tier.all { try subject.record(tier) }
        }

        @Test func handlersThatJumpOutOfCallsLoseNothingTwentyTimesInARow() throws {
            let subject = try Subject(.signals)
            #expect(subject.expected == Outcome(status: 0, output: "bad 0\n"))
            for tier in Tier.all {
                for _ in 0..<(tier.isInProcess ? 20 : 3) { try subject.record(tier) }
            }
        }

        /// A program that needs what is not here is left out by name, never silently.
        @Test(arguments: Program.all.filter { !$0.needs.allSatisfy(has) }) func isLeftOut(_ program: Program) {
            print("left out, not installed: \(program.name) (\(program.needs.joined(separator: ", ")))")
        }
    }
}
