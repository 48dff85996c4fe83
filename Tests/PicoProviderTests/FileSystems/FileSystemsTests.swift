// What wslfs, lxfs and tmpfs must all do.
import Engine
import LinuxABI
import NTKernel
import Testing

@testable import PicoProvider

@Suite(.serialized) struct FileSystemsTests {
    static let kinds = ["wslfs", "lxfs", "tmpfs"]
    private static let regular = VfsKind.regular.rawValue
    private static let directory = VfsKind.directory.rawValue

    @Test(arguments: kinds) func aNewFileHasModeOwnerAndContent(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let inode = try root.create("a", mode: Self.regular | 0o640, context)
        let file = try fixture.open(inode)
        try fixture.write(file, "hello")
        try fixture.write(file, "J", at: 0)
        #expect(try fixture.read(file) == "Jello")
        #expect(try fixture.read(file, 2, at: 3) == "lo")
        #expect(try fixture.read(file, 2, at: 5)?.isEmpty == true)
        let attributes = try inode.attributes(context)
        #expect(attributes.mode == Self.regular | 0o640)
        #expect(attributes.uid == 1000 && attributes.gid == 100)
        #expect(attributes.size == 5 && attributes.links == 1 && attributes.blocks == 8)
        #expect(try root.lookup("a", context) === inode)
        #expect(errno { () throws(LxFailure) in _ = try root.create("a", mode: Self.regular, context) } == .EEXIST)
        #expect(errno { () throws(LxFailure) in _ = try root.lookup("b", context) } == .ENOENT)
        file.release(context)
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func directoriesListWhatTheyHoldAndMustBeEmptyToGo(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let directory = try root.makeDirectory("d", mode: Self.directory | 0o755, context)
        _ = try directory.create("x", mode: Self.regular | 0o644, context)
        _ = try directory.makeNode("fifo", mode: VfsKind.fifo.rawValue | 0o644, device: 0, context)
        _ = try directory.makeSymbolicLink("link", target: "x", context)
        #expect(try fixture.names(directory) == ["x", "fifo", "link"])
        let refused = errno { () throws(LxFailure) in try root.removeDirectory("d", directory, context) }
        #expect(refused == .ENOTEMPTY)
        for name in ["x", "fifo", "link"] { try directory.unlink(name, directory.lookup(name, context), context) }
        try root.removeDirectory("d", directory, context)
        #expect(errno { () throws(LxFailure) in _ = try root.lookup("d", context) } == .ENOENT)
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func specialFilesKeepKindDeviceAndTarget(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let device = LxDeviceNumber.make(300, 70_000)
        let node = try root.makeNode("n", mode: VfsKind.characterDevice.rawValue | 0o600, device: device, context)
        #expect(node.kind == .characterDevice)
        #expect(try node.attributes(context).specialDevice == device)
        for special in [VfsKind.fifo, .socket, .blockDevice] {
            let made = try root.makeNode("\(special)", mode: special.rawValue | 0o600, device: 0, context)
            #expect(try root.lookup("\(special)", context) === made)
            #expect(made.kind == special)
        }
        let link = try root.makeSymbolicLink("l", target: "../some/where", context)
        #expect(try link.readLink(context) == "../some/where")
        #expect(try link.attributes(context).size == 13)
        #expect(errno { () throws(LxFailure) in _ = try node.readLink(context) } != .ENOENT)
    }

    @Test(arguments: kinds) func anUnlinkedFileLivesWhileItIsOpen(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let inode = try root.create("a", mode: Self.regular | 0o644, context)
        let file = try fixture.open(inode)
        try fixture.write(file, "still here")
        try root.unlink("a", inode, context)
        #expect(try fixture.read(file) == "still here")
        #expect(try inode.attributes(context).links == 0)
        try inode.setAttributes(VfsAttributeChange(size: 5), context)
        #expect(try fixture.read(file) == "still")
        #expect(try root.create("a", mode: Self.regular | 0o644, context) !== inode)
        file.release(context)
        #expect(try inode.attributes(context).links == 0, "also when nobody has it open any more")
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func hardLinksAreOneInode(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let inode = try root.create("a", mode: Self.regular | 0o644, context)
        try root.link("b", to: inode, context)
        #expect(try root.lookup("b", context) === inode)
        #expect(try inode.attributes(context).links == 2)
        try root.unlink("a", inode, context)
        #expect(try root.lookup("b", context) === inode)
        #expect(try inode.attributes(context).links == 1)
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func renameReplacesFilesAndEmptyDirectories(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let old = try root.create("old", mode: Self.regular | 0o644, context)
        let new = try root.create("new", mode: Self.regular | 0o644, context)
        let file = try fixture.open(old)
        try root.rename("new", new, to: root, "old", replacing: old, context)
        #expect(try root.lookup("old", context) === new)
        #expect(try old.attributes(context).links == 0)
        file.release(context)
        let first = try root.makeDirectory("d", mode: Self.directory | 0o755, context)
        let second = try root.makeDirectory("e", mode: Self.directory | 0o755, context)
        try root.rename("old", new, to: second, "inside", replacing: nil, context)
        let refused = errno { () throws(LxFailure) in
            try root.rename("d", first, to: root, "e", replacing: second, context)
        }
        #expect(refused == .ENOTEMPTY)
        try root.rename("e", second, to: root, "d", replacing: first, context)
        #expect(try fixture.names(root) == ["d"])
        #expect(try root.lookup("d", context).lookup("inside", context) === new)
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func metadataChangesStay(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        let inode = try root.create("a", mode: Self.regular | 0o644, context)
        var change = VfsAttributeChange()
        change.permissions = 0o4711
        change.uid = 5
        change.gid = 6
        change.accessTime = 1_234_567_800
        change.modificationTime = 987_654_300
        try inode.setAttributes(change, context)
        let attributes = try inode.attributes(context)
        #expect(attributes.mode == Self.regular | 0o4711)
        #expect(inode.mode == attributes.mode)
        #expect(attributes.uid == 5 && attributes.gid == 6)
        #expect(attributes.accessTime == 1_234_567_800 && attributes.modificationTime == 987_654_300)
        try inode.setAttributes(VfsAttributeChange(size: 10_000), context)
        #expect(try inode.attributes(context).size == 10_000)
    }

    @Test(arguments: kinds) func extendedAttributesAreSetListedAndRemoved(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let inode = try fixture.root(kind).create("a", mode: Self.regular | 0o644, context)
        let name = "security.capability"
        #expect(errno { () throws(LxFailure) in _ = try inode.extendedAttribute(name, context) } == .ENODATA)
        try inode.setExtendedAttribute(name, [1, 2], flags: 0, context)
        try inode.setExtendedAttribute("trusted.empty", [], flags: 0, context)
        #expect(try inode.extendedAttribute(name, context) == [1, 2])
        #expect(try inode.extendedAttribute("trusted.empty", context).isEmpty)
        #expect(Set(try inode.extendedAttributeNames(context)) == [name, "trusted.empty"])
        let exists = errno { () throws(LxFailure) in try inode.setExtendedAttribute(name, [3], flags: 1, context) }
        #expect(exists == .EEXIST)
        try inode.removeExtendedAttribute(name, context)
        let gone = errno { () throws(LxFailure) in try inode.setExtendedAttribute(name, [3], flags: 2, context) }
        #expect(gone == .ENODATA)
    }

    @Test(arguments: kinds) func populatedContentIsKnownOnlyWhereItWasProved(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        var file = Environment.File(path: "/a", kind: .regular, mode: 0o755)
        file.size = 100
        file.inode = 4711
        file.uid = 7
        file.modificationTime = 1_700_000_000_000_000_000
        file.content = [Environment.Extent(offset: 10, bytes: Array("known".utf8))]
        let inode = try #require(root.populate("a", file, context))
        #expect(try root.lookup("a", context) === inode)
        let attributes = try inode.attributes(context)
        #expect(attributes.inode == 4711 && attributes.size == 100 && attributes.uid == 7)
        #expect(attributes.mode == Self.regular | 0o755)
        #expect(attributes.modificationTime == file.modificationTime)
        let open = try fixture.open(inode)
        #expect(try fixture.read(open, 5, at: 10) == "known")
        #expect(try fixture.read(open, 6, at: 10) == nil)
        #expect(try open.read(200, at: 0, context).count == 100)
        try fixture.write(open, "0123456789", at: 0)
        #expect(try fixture.read(open, 15) == "0123456789known")
        open.release(context)
        root.populateLink("b", to: inode, context)
        #expect(try root.lookup("b", context) === inode)
        root.unpopulate("a", context)
        #expect(errno { () throws(LxFailure) in _ = try root.lookup("a", context) } == .ENOENT)
        #expect(try inode.attributes(context).links == 1)
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func populatingADirectoryAgainKeepsWhatItHolds(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let root = try fixture.root(kind)
        var file = Environment.File(path: "/d", kind: .directory, mode: 0o755)
        let directory = try #require(root.populate("d", file, context))
        _ = try directory.create("x", mode: Self.regular | 0o644, context)
        file.mode = 0o700
        #expect(root.populate("d", file, context) === directory)
        #expect(try directory.attributes(context).mode & 0o777 == 0o700)
        #expect(try fixture.names(directory) == ["x"])
    }

    @Test(arguments: kinds) func bytesThatWereCutFromTheRecordingStayUnknown(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let inode = try fixture.root(kind).create("a", mode: Self.regular | 0o644, context)
        let file = try fixture.open(inode)
        var data = VfsData("abc")
        data.append(.unknown(count: 7, what: "bytes that the recording cut"))
        #expect(try file.write(data, at: 0, context) == 10)
        #expect(try fixture.read(file, 3) == "abc")
        #expect(try fixture.read(file, 4) == nil)
        #expect(try inode.attributes(context).size == 10)
        file.release(context)
    }

    @Test(arguments: kinds) func anEmptyFileCannotBeMapped(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let inode = try fixture.root(kind).create("a", mode: Self.regular | 0o644, context)
        let file = try fixture.open(inode)
        let request = VfsMapRequest(offset: 0, length: 4096, protection: 1, isShared: false)
        #expect(errno { () throws(LxFailure) in _ = try file.map(request, context) } == .ENOEXEC)
        try fixture.write(file, "x")
        let mapping = try file.map(request, context)
        #expect(mapping.section != .null)
        mapping.unmapped()
        file.release(context)
        fixture.checkInvariants()
    }

    @Test(arguments: kinds) func setGroupIDDirectoriesGiveTheirGroup(_ kind: String) throws {
        let fixture = try FileSystemFixture()
        let context = fixture.context
        let directory = try fixture.root(kind).makeDirectory("d", mode: Self.directory | 0o2755, context)
        try directory.setAttributes(VfsAttributeChange(gid: 77), context)
        #expect(try directory.create("a", mode: Self.regular | 0o644, context).gid == 77)
    }
}
