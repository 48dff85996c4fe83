// Information classes, extended attributes, reparse points, directories, data.
import Testing

@testable import NTKernel

@Suite struct FileInformationTests {
    @Test func statReadsTheAttributesThatTheVolumeKnows() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.write(handle, "12345")
        let attributes = [
            ExtendedAttribute(name: "$LXUID", value: [0xE8, 3, 0, 0]),
            ExtendedAttribute(name: "$LXMOD", value: [0xA4, 0x81, 0, 0]),
            ExtendedAttribute(name: "$LXDEV", value: [1, 0, 0, 0, 3, 0, 0, 0]),
        ]
        #expect(machine.nt.NtSetEaFile(handle, attributes) == .STATUS_SUCCESS)
        var stat: FileStatLxInformation?
        let query = ObjectAttributes(rootDirectory: machine.root, name: "a")
        #expect(machine.nt.NtQueryInformationByName(query, &stat) == .STATUS_SUCCESS)
        #expect(stat?.lxFlags == [.hasUserID, .hasMode, .hasDeviceID])
        #expect(stat?.lxUserID == 1000)
        #expect(stat?.lxMode == 0o100644)
        #expect(stat?.lxDeviceIDMajor == 1 && stat?.lxDeviceIDMinor == 3)
        #expect(stat?.endOfFile == 5 && stat?.allocationSize == 4096)
        let missing = ObjectAttributes(rootDirectory: machine.root, name: "b")
        #expect(machine.nt.NtQueryInformationByName(missing, &stat) == .STATUS_OBJECT_NAME_NOT_FOUND)
    }

    @Test func extendedAttributesIgnoreCaseAndShareTheirBudget() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        let nt = machine.nt
        _ = nt.NtSetEaFile(handle, [ExtendedAttribute(name: "Name", value: [1])])
        _ = nt.NtSetEaFile(handle, [ExtendedAttribute(name: "nAME", value: [2])])
        var found: [ExtendedAttribute] = []
        _ = nt.NtQueryEaFile(handle, attributes: &found)
        #expect(found == [ExtendedAttribute(name: "NAME", value: [2])])
        _ = nt.NtQueryEaFile(handle, names: ["other"], attributes: &found)
        #expect(found.first?.value.isEmpty == true)
        let large = [UInt8](repeating: 7, count: 65520)
        #expect(nt.NtSetEaFile(handle, [ExtendedAttribute(name: "BIG", value: large)]) == .STATUS_EA_TOO_LARGE)
        #expect(nt.NtSetEaFile(handle, [ExtendedAttribute(name: "A:B", value: [1])]) == .STATUS_INVALID_EA_NAME)
        #expect(nt.NtSetEaFile(handle, [ExtendedAttribute(name: "name", value: [])]) == .STATUS_SUCCESS)
        #expect(nt.NtQueryEaFile(handle, attributes: &found) == .STATUS_NO_EAS_ON_FILE)
    }

    @Test func reparsePointsAreSetReadAndRemoved() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        var point: ReparsePoint?
        #expect(machine.nt.NtFsControlFile(handle, getReparsePoint: &point) == .STATUS_NOT_A_REPARSE_POINT)
        let link = ReparsePoint(tag: 0xA000_001D, data: [2, 0, 0, 0, 0x2F])
        #expect(machine.nt.NtFsControlFile(handle, .setReparsePoint(link)) == .STATUS_SUCCESS)
        #expect(machine.nt.NtFsControlFile(handle, getReparsePoint: &point) == .STATUS_SUCCESS)
        #expect(point == link)
        #expect(machine.open("a", options: []).status == .STATUS_IO_REPARSE_TAG_NOT_HANDLED)
        #expect(machine.open("a\\b").status == .STATUS_IO_REPARSE_TAG_NOT_HANDLED)
        #expect(machine.nt.NtFsControlFile(handle, .deleteReparsePoint) == .STATUS_SUCCESS)
        #expect(machine.nt.NtFsControlFile(handle, .deleteReparsePoint) == .STATUS_NOT_A_REPARSE_POINT)
        _ = machine.make("d", isDirectory: true)
        _ = machine.make("d\\x")
        let (directory, _) = machine.open("d")
        #expect(machine.nt.NtFsControlFile(directory, .setReparsePoint(link)) == .STATUS_DIRECTORY_NOT_EMPTY)
    }

    @Test func directoriesAreEnumeratedInCollationOrderAndResume() {
        let machine = Machine()
        for name in ["b", "A", "c", "B"] { _ = machine.make(name) }
        var names: [String] = []
        var entries: [DirectoryEntry] = []
        var status = machine.nt.NtQueryDirectoryFile(machine.root, restartScan: true, limit: 3, entries: &entries)
        while status.isSuccess {
            names += entries.map(\.fileName)
            if names.count == 3 {
                // What comes before the cursor is not seen again; what goes is not seen at all.
                _ = machine.delete("A")
                _ = machine.delete("c")
                _ = machine.make("d")
            }
            status = machine.nt.NtQueryDirectoryFile(machine.root, restartScan: false, limit: 3, entries: &entries)
        }
        #expect(names == [".", "..", "A", "B", "b", "d"])
        #expect(status == .STATUS_NO_MORE_FILES)
    }

    @Test func shrinkingAMappedFileIsRefused() throws {
        let machine = Machine()
        let process = try machine.process()
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.write(handle, String(repeating: "x", count: 8192))
        var section = Handle.null
        #expect(machine.nt.NtCreateSection(&section, maximumSize: 0, protection: .readWrite, file: handle).isSuccess)
        var base: UInt64 = 0
        var size: UInt64 = 0
        let mapped = machine.nt.NtMapViewOfSection(
            section,
            process: process,
            base: &base,
            offset: 0,
            viewSize: &size,
            protection: .readWrite
        )
        #expect(mapped == .STATUS_SUCCESS)
        machine.checkInvariants()
        #expect(machine.nt.NtSetInformationFile(handle, .endOfFile(4096)) == .STATUS_USER_MAPPED_FILE)
        #expect(machine.nt.NtSetInformationFile(handle, .endOfFile(16384)) == .STATUS_SUCCESS)
        #expect(machine.nt.NtUnmapViewOfSection(process, base: base) == .STATUS_SUCCESS)
        #expect(machine.nt.NtSetInformationFile(handle, .endOfFile(4096)) == .STATUS_SUCCESS)
        machine.checkInvariants()
    }

    @Test func timesMoveWithContentAndCanBeSet() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        machine.nt.KeUpdateSystemTime(interruptTime: 2000)
        _ = machine.write(handle, "x")
        var basic: FileBasicInformation?
        _ = machine.nt.NtQueryInformationFile(handle, &basic)
        #expect(basic?.creationTime == NTExecutive.epoch1970)
        #expect(basic?.lastWriteTime == NTExecutive.epoch1970 + 1000)
        var change = FileBasicInformation()
        change.lastWriteTime = 5
        #expect(machine.nt.NtSetInformationFile(handle, .basic(change)) == .STATUS_SUCCESS)
        _ = machine.nt.NtQueryInformationFile(handle, &basic)
        #expect(basic?.lastWriteTime == 5 && basic?.lastAccessTime == NTExecutive.epoch1970)
    }

    @Test func unknownContentIsReportedAndProved() throws {
        let machine = Machine()
        let file = try #require(
            machine.volume.install(
                "a",
                in: machine.volume.root,
                isDirectory: false,
                data: DataStream(unknownSize: 100)
            )
        )
        machine.volume.prove(file, at: 10, Array("known".utf8))
        let (handle, _) = machine.open("a")
        var block = IoStatusBlock()
        var buffer = DataStream.ReadResult()
        _ = machine.nt.NtReadFile(handle, status: &block, length: 20, byteOffset: 5, buffer: &buffer)
        #expect(buffer.unknown == [0..<5, 10..<20])
        #expect(buffer.bytes[5..<10] == Array("known".utf8)[...])
        _ = machine.write(handle, "0123456789", at: 0)
        #expect(file.data.isKnown(0..<15))
        #expect(!file.data.isKnown(0..<16))
        machine.checkInvariants()
    }

    @Test func ioIsCountedByFunction() {
        let machine = Machine()
        let before = machine.nt.ioStatistics
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.write(handle, "x")
        machine.nt.NtClose(handle)
        let after = machine.nt.ioStatistics
        for function in [IrpMajorFunction.create, .write, .cleanup, .close] {
            #expect(after[function] == before[function] + 1)
        }
    }

    @Test func accessChecksAskTheTokenOnlyWhenForced() throws {
        let machine = Machine()
        let user = SecurityIdentifier(authority: 5, [21, 1, 2, 3, 1001])
        let token = AccessToken(user: user, groups: [.users])
        _ = machine.make("a")
        let file = try #require(machine.volume.lookup("a", in: machine.volume.root))
        file.security = SecurityDescriptor(
            owner: .administrators,
            discretionaryACL: [
                AccessControlEntry(.denied, user, .fileWriteData), AccessControlEntry(.allowed, .users, .fileAllAccess),
            ]
        )
        var granted: AccessMask = []
        let nt = machine.nt
        let read = nt.SeAccessCheck(file.security, token: token, desired: .fileReadData, granted: &granted)
        #expect(read == .STATUS_SUCCESS && granted == .fileReadData)
        let write = nt.SeAccessCheck(file.security, token: token, desired: .fileWriteData, granted: &granted)
        #expect(write == .STATUS_ACCESS_DENIED)
        #expect(machine.open("a").status == .STATUS_SUCCESS)
        let attributes = ObjectAttributes(
            rootDirectory: machine.root,
            name: "a",
            flags: [.kernelHandle, .forceAccessCheck]
        )
        var handle = Handle.null
        var block = IoStatusBlock()
        file.security?.discretionaryACL = []
        let forced = nt.NtCreateFile(
            &handle,
            access: .fileReadData,
            attributes: attributes,
            status: &block,
            disposition: .open
        )
        #expect(forced == .STATUS_ACCESS_DENIED)
    }
}
