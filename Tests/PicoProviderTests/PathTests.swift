// Names and paths as objects.
import Testing

@testable import PicoProvider

@Suite struct PathTests {
    let paths = VfsPathTable()

    @Test func aNameIsOneObjectAsLongAsAnybodyHasIt() {
        let first = paths.names.name("alpha")
        #expect(paths.names.name("alpha") === first)
        #expect(paths.names.name("alphb") !== first)
        var id = paths.names.name("passing").id
        #expect(paths.names.name("passing").id > id)
        let held = paths.names.name("passing")
        id = held.id
        #expect(paths.names.name("passing").id == id)
    }

    @Test func namesAreFoundAfterOthersWent() {
        var held = (0..<3000).map { paths.names.name("name \($0)") }
        let kept = stride(from: 0, to: 3000, by: 7).map { held[$0] }
        held = []
        for (index, name) in kept.enumerated() { #expect(paths.names.name("name \(index * 7)") === name) }
        #expect(paths.names.name("name 1").text == "name 1")
    }

    @Test func kindsOfNames() {
        let kinds = ["", ".", "..", "...", ".a", "a", String(repeating: "n", count: 255)].map {
            paths.names.name($0).kind
        }
        #expect(kinds == [.empty, .dot, .dotDot, .ordinary, .ordinary, .ordinary, .ordinary])
        let long = paths.names.name(String(repeating: "n", count: 256))
        #expect(long.kind == .tooLong && long.isOrdinary && !paths.noName.isOrdinary)
    }

    @Test(arguments: [
        ("/usr//lib/x", ["usr", "lib", "x"], true, false),
        ("a/./../b/", ["a", ".", "..", "b"], false, true),
        ("/", [], true, false),
        ("///", [], true, false),
        ("", [], false, false),
    ])
    func pathsAreCutIntoNames(_ text: String, _ names: [String], _ isAbsolute: Bool, _ hasTrailingSlash: Bool) {
        let path = paths.path(text)
        #expect(path.components.map(\.text) == names)
        #expect(path.isAbsolute == isAbsolute)
        #expect(path.hasTrailingSlash == hasTrailingSlash)
        #expect(path.isEmpty == text.isEmpty)
        #expect(path.text == text)
        #expect(paths.path(text) === path)
    }

    @Test func pathsOfManyNamesStayApart() {
        // More than are kept.
        for round in 0..<2 {
            for index in 0..<10_000 {
                let path = paths.path("/many/\(index)")
                #expect(path.components.last?.text == "\(index)", "round \(round)")
            }
        }
        #expect(!paths.path(String(repeating: "p", count: 4095)).isTooLong)
        #expect(paths.path(String(repeating: "p", count: 4096)).isTooLong)
    }

    @Test func bytesThatAreNoTextAreNamesToo() {
        let bytes: [UInt8] = [0x2f, 0xff, 0x2f, 0xfe]
        let path = bytes.withUnsafeBytes { paths.path($0) }
        #expect(path.components.count == 2 && path.components[0] !== path.components[1])
    }
}
