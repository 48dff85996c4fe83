// What only wslfs does: NTFS shows through.
import Engine
import LinuxABI
import NTKernel
import Testing

@testable import PicoProvider

@Suite(.serialized) struct FileSystemsWslfsTests {
    private static let regular = VfsKind.regular.rawValue | 0o644
    private static let directory = VfsKind.directory.rawValue | 0o755

    @Test func renameOfADirectoryWithAnOpenFileBelowIsDenied() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root("wslfs")
        let directory = try root.makeDirectory("d", mode: Self.directory, context)
        let inode = try directory.create("a", mode: Self.regular, context)
        let file = try fixture.open(inode)
        let denied = errno { () throws(LxFailure) in
            try root.rename("d", directory, to: root, "e", replacing: nil, context)
        }
        #expect(denied == .EACCES)
        file.release(context)
        // Inodes that are merely known hold no handle.
        let itself = try directory.open(0, context)
        try root.rename("d", directory, to: root, "e", replacing: nil, context)
        #expect(try root.lookup("e", context) === directory)
        itself.release(context)
        fixture.checkInvariants()
    }

    @Test func charactersThatNTFSForbidsAreEscaped() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root("wslfs")
        let names = ["a:b", "what?", "x*y", "<|>", "back\\slash", "quo\"te", "tab\there", "ünï"]
        for name in names { _ = try root.create(name, mode: Self.regular, context) }
        #expect(try fixture.names(root) == Set(names))
        #expect(fixture.wslfs.volume.lookup("a\u{F03A}b", in: fixture.wslfs.volume.root) != nil)
        for name in names { try root.unlink(name, root.lookup(name, context), context) }
        #expect(try fixture.names(root).isEmpty)
    }

    @Test func metadataLivesInExtendedAttributesAndReparsePoints() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root("wslfs")
        _ = try root.create("a", mode: Self.regular, context)
        _ = try root.makeSymbolicLink("l", target: "a", context)
        let volume = fixture.wslfs.volume
        let record = try #require(volume.lookup("a", in: volume.root))
        #expect(record.extendedAttribute("$LXMOD") == [0xA4, 0x81, 0, 0])
        #expect(record.extendedAttribute("$LXUID") == [0xE8, 3, 0, 0])
        let link = try #require(volume.lookup("l", in: volume.root))
        #expect(link.reparsePoint == ReparsePoint(tag: 0xA000_001D, data: [2, 0, 0, 0, 0x61]))
    }

    @Test func timesHaveTheGranularityOfNTFS() throws {
        let fixture = try FileSystemFixture()
        let inode = try fixture.root("wslfs").create("a", mode: Self.regular, fixture.context)
        try inode.setAttributes(VfsAttributeChange(modificationTime: 1_000_000_199), fixture.context)
        #expect(try inode.attributes(fixture.context).modificationTime == 1_000_000_100)
        try inode.setAttributes(VfsAttributeChange(modificationTime: -150), fixture.context)
        #expect(try inode.attributes(fixture.context).modificationTime == -200)
    }

    @Test func theCaseFlagIsAnExtendedAttributeOfDirectories() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root("wslfs")
        let name = "system.wsl_case_sensitive"
        #expect(try root.extendedAttribute(name, context) == Array("1".utf8))
        let directory = try root.makeDirectory("d", mode: Self.directory, context)
        _ = try directory.create("a", mode: Self.regular, context)
        _ = try directory.create("A", mode: Self.regular, context)
        let zero = Array("0".utf8)
        let differing = errno { () throws(LxFailure) in
            try directory.setExtendedAttribute(name, zero, flags: 0, context)
        }
        #expect(differing == .ENOTEMPTY)
        try directory.unlink("A", directory.lookup("A", context), context)
        try directory.setExtendedAttribute(name, zero, flags: 0, context)
        #expect(try directory.extendedAttribute(name, context) == zero)
    }

    @Test func all64KBOfAttributesAreShared() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let inode = try fixture.root("wslfs").create("a", mode: Self.regular, context)
        try inode.setExtendedAttribute("user.a", [UInt8](repeating: 1, count: 40_000), flags: 0, context)
        let full = errno { () throws(LxFailure) in
            try inode.setExtendedAttribute("user.b", [UInt8](repeating: 1, count: 40_000), flags: 0, context)
        }
        #expect(full == .ENOSPC)
    }

    @Test func shrinkingAMappedFileIsEINVAL() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let inode = try fixture.root("wslfs").create("a", mode: Self.regular, context)
        let file = try fixture.open(inode)
        try fixture.write(file, String(repeating: "x", count: 5000))
        let mapping = try file.map(
            VfsMapRequest(offset: 0, length: 4096, protection: 3, isShared: true),
            context
        )
        var base: UInt64 = 0
        var size: UInt64 = 0
        let mapped = fixture.nt.NtMapViewOfSection(
            mapping.section,
            process: fixture.nt.systemProcess,
            base: &base,
            offset: 0,
            viewSize: &size,
            protection: .readWrite
        )
        #expect(mapped == .STATUS_SUCCESS)
        let refused = errno { () throws(LxFailure) in
            try inode.setAttributes(VfsAttributeChange(size: 10), context)
        }
        #expect(refused == .EINVAL)
        _ = fixture.nt.NtUnmapViewOfSection(fixture.nt.systemProcess, base: base)
        try inode.setAttributes(VfsAttributeChange(size: 10), context)
        mapping.unmapped()
        file.release(context)
        fixture.checkInvariants()
    }

    @Test func everyOperationLeavesItsNTCalls() throws {
        let fixture = try FileSystemFixture()
        let root = try fixture.root("wslfs")
        _ = fixture.nt.drainTrace()
        _ = errno { () throws(LxFailure) in _ = try root.lookup("missing", fixture.context) }
        let steps = fixture.nt.drainTrace()
        #expect(
            steps.contains {
                $0.routineName == "NtQueryInformationByName" && $0.status == .STATUS_OBJECT_NAME_NOT_FOUND
            }
        )
        #expect(steps.filter { $0.routineName == "NtCreateFile" }.count == 1)
        #expect(steps.filter { $0.routineName == "NtClose" }.count == 1)
    }

    @Test func handlesDoNotPileUp() throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root("wslfs")
        for round in 0..<50 {
            let directory = try root.makeDirectory("d", mode: Self.directory, context)
            let inode = try directory.create("a\(round)", mode: Self.regular, context)
            let file = try fixture.open(inode)
            try fixture.write(file, "x")
            file.release(context)
            try directory.rename("a\(round)", inode, to: root, "b", replacing: nil, context)
            try root.unlink("b", inode, context)
            try root.removeDirectory("d", directory, context)
        }
        // A closed handle's value is used again, so a fresh one is small.
        var handle = Handle.null
        _ = fixture.nt.NtDuplicateObject(fixture.wslfs.volumeHandle, target: &handle)
        #expect(handle.rawValue & 0xFFFF < 64)
        fixture.checkInvariants()
    }

    @Test func theVolumeAnswersStatfs() throws {
        let fixture = try FileSystemFixture()
        let statistics = try fixture.wslfs.statistics(fixture.context)
        #expect(statistics.type == 0x5346_4846)
        #expect(statistics.files == 999 && statistics.freeFiles == 1_000_000)
    }
}
