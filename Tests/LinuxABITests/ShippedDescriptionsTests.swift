// The shipped descriptions hold together.
import Testing

@testable import LinuxABI

@Suite struct ShippedDescriptionsTests {
    @Test func allParse() throws {
        let descriptions = try Descriptions.embedded()
        #expect(descriptions.calls.count > 100)
    }
}
