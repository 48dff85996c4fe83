// What only lxfs (VolFs) does: everything of Linux stands in two EAs.
import Engine
import LinuxABI
import NTKernel
import Testing

@testable import PicoProvider

@Suite struct FileSystemsLxfsTests {
    private static let regular = VfsKind.regular.rawValue | 0o644

    @Test func metadataIsOneAttribute() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root("lxfs")
        let file = try root.create("a", mode: Self.regular, context)
        var change = VfsAttributeChange()
        change.modificationTime = -1
        change.uid = 70_000
        try file.setAttributes(change, context)
        let volume = fixture.lxfs.volume
        let record = try #require(volume.lookup("a", in: volume.root))
        let bytes = try #require(record.extendedAttribute("LXATTRB"))
        #expect(bytes.count == 56)
        #expect(bytes[4..<12] == [0xA4, 0x81, 0, 0, 0x70, 0x11, 1, 0])
        // A nanosecond before the epoch: second -1, and the rest is not negative.
        #expect(bytes[24..<28] == [0xFF, 0xC9, 0x9A, 0x3B])
        #expect(bytes[40..<48] == [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        #expect(try file.attributes(context).uid == 70_000)
        #expect(LxfsAttributes(bytes)?.modificationTime == -1)
        fixture.checkInvariants()
    }

    @Test(arguments: ["a:b", "what?", "#", "#003A", "x*y", "back\\slash", "tab\there", "ünï", "100#"])
    func namesSurvive(_ name: String) throws {
        #expect(LxfsNames.unescape(LxfsNames.escape(name)) == name)
        let fixture = try FileSystemFixture()
        let root = try fixture.root("lxfs")
        _ = try root.create(name, mode: Self.regular, fixture.context)
        #expect(try fixture.names(root) == [name])
        _ = try root.lookup(name, fixture.context)
    }

    @Test func aColonBecomesItsNumber() { #expect(LxfsNames.escape("a:b#") == "a#003Ab#0023") }

    @Test func aLinkIsAFileWithItsTargetInIt() throws {
        let fixture = try FileSystemFixture()
        let root = try fixture.root("lxfs")
        _ = try root.makeSymbolicLink("l", target: "../target", fixture.context)
        let volume = fixture.lxfs.volume
        let record = try #require(volume.lookup("l", in: volume.root))
        #expect(record.reparsePoint == nil)
        #expect(record.data.read(at: 0, count: 100).bytes == Array("../target".utf8))
    }

    /// What a Windows tool leaves in the root of a distribution has no owner of its own (BLOG:filesystem).
    @Test func aFileOfWindowsIsRoots() throws {
        let fixture = try FileSystemFixture()
        let root = try fixture.root("lxfs")
        let volume = fixture.lxfs.volume
        volume.install("notes.txt", in: volume.root, isDirectory: false)
        let attributes = try root.lookup("notes.txt", fixture.context).attributes(fixture.context)
        #expect(attributes.mode == Self.regular)
        #expect(attributes.uid == 0)
    }

    /// A distribution that was not upgraded keeps its format on later builds (RN:18305).
    @Test func theDistributionSaysWhichItIs() throws {
        for (build, format, type) in [
            (17763, LxssDistribution.Format.wslfs, "lxfs"), (19041, .lxfs, "lxfs"), (19041, .wslfs, "wslfs"),
        ] {
            let manager = LxssManager(build: build)
            var distribution = LxssDistribution(name: "old", basePath: "/")
            distribution.format = format
            try manager.registry.register(distribution)
            let instance = try manager.start("old") { _ in
                [Environment.File(path: "/etc", kind: .directory, mode: 0o755)]
            }
            #expect(instance.mounts.first?.hasPrefix("rootfs / \(type) ") == true)
            #expect(instance.checkInvariants() == [])
        }
    }
}
