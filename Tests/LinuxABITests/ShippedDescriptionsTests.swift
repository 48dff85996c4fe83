// The shipped descriptions hold together.
import Testing

@testable import LinuxABI

@Suite struct ShippedDescriptionsTests {
    @Test func allParse() throws {
        #expect(try Descriptions.embedded().calls.count > 300)
    }

    /// The numbers 335 to 423 are reserved; everything else up to kernel 6.18's newest has a name.
    @Test func everyNumberHasAName() throws {
        let newest = try #require(ABI.calls.compactMap(\.numbers.x86_64).max())
        #expect(newest >= 469)
        for number in 0...newest where !(335...423).contains(number) {
            #expect(ABI.call(number, .x86_64) != nil, "x86-64 call \(number) has no description")
        }
    }

    @Test func mostCallsAreDescribedInFull() {
        #expect(ABI.calls.filter { !$0.isOpaque }.count >= 230)
    }

    @Test func noProgramHasMorePointersThanARunKeeps() {
        for call in ABI.calls {
            for variant in [call.plain] + call.variants {
                #expect(variant.capture.steps.count <= 16, "\(variant.fullName)")
            }
        }
    }
}
