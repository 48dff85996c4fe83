// Create, share, delete, rename and link on the NTFS-like volume.
import Testing

@testable import NTKernel

@Suite struct FileTests {
    @Test func dispositionsDecideWhatHappensToAName() {
        let machine = Machine()
        #expect(machine.open("a").status == .STATUS_OBJECT_NAME_NOT_FOUND)
        #expect(machine.open("d\\a").status == .STATUS_OBJECT_PATH_NOT_FOUND)
        #expect(machine.open("a", disposition: .overwrite).status == .STATUS_OBJECT_NAME_NOT_FOUND)
        #expect(machine.make("a") == .STATUS_SUCCESS)
        #expect(machine.make("a") == .STATUS_OBJECT_NAME_COLLISION)
        #expect(machine.open("a", disposition: .openIf).status == .STATUS_SUCCESS)
        #expect(machine.open("a\\b").status == .STATUS_OBJECT_PATH_NOT_FOUND)
        #expect(machine.open("a", options: .directoryFile).status == .STATUS_NOT_A_DIRECTORY)
        #expect(machine.make("d", isDirectory: true) == .STATUS_SUCCESS)
        #expect(machine.open("d", options: .nonDirectoryFile).status == .STATUS_FILE_IS_A_DIRECTORY)
        for name in ["a:b", "a*", "a?", "a|b", "a\u{1}", String(repeating: "x", count: 256)] {
            #expect(machine.make(name) == .STATUS_OBJECT_NAME_INVALID)
        }
        #expect(machine.make(String(repeating: "x", count: 255)) == .STATUS_SUCCESS)
        machine.checkInvariants()
    }

    @Test func overwritingTruncatesAndDropsExtendedAttributes() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.write(handle, "text")
        _ = machine.nt.NtSetEaFile(handle, [ExtendedAttribute(name: "X", value: [1])])
        #expect(machine.open("a", disposition: .overwriteIf).status == .STATUS_SUCCESS)
        #expect(machine.read(handle).status == .STATUS_END_OF_FILE)
        var attributes: [ExtendedAttribute] = []
        #expect(machine.nt.NtQueryEaFile(handle, attributes: &attributes) == .STATUS_NO_EAS_ON_FILE)
    }

    @Test func shareModesConflictBothWays() {
        let machine = Machine()
        _ = machine.make("a")
        let reader = machine.open("a", .fileReadData, share: .read)
        #expect(reader.status == .STATUS_SUCCESS)
        #expect(machine.open("a", .fileWriteData).status == .STATUS_SHARING_VIOLATION)
        #expect(machine.open("a", .fileReadData, share: .write).status == .STATUS_SHARING_VIOLATION)
        #expect(
            machine.open("a", .fileReadAttributes, share: []).status == .STATUS_SUCCESS,
            "attributes are not shared"
        )
        #expect(machine.delete("a") == .STATUS_SHARING_VIOLATION)
        machine.checkInvariants()
        machine.nt.NtClose(reader.handle)
        #expect(machine.open("a", .fileWriteData).status == .STATUS_SUCCESS)
        machine.checkInvariants()
    }

    @Test func posixDeleteTakesTheNameAtOnceAndLeavesTheFile() {
        let machine = Machine()
        let (held, _) = machine.open("a", disposition: .create)
        _ = machine.write(held, "still here")
        #expect(machine.delete("a") == .STATUS_SUCCESS)
        #expect(machine.open("a").status == .STATUS_OBJECT_NAME_NOT_FOUND)
        #expect(machine.read(held).text == "still here")
        var standard: FileStandardInformation?
        _ = machine.nt.NtQueryInformationFile(held, &standard)
        #expect(standard?.numberOfLinks == 0)
        #expect(machine.make("a") == .STATUS_SUCCESS)
        machine.checkInvariants()
        machine.nt.NtClose(held)
        machine.checkInvariants()
    }

    @Test func plainDeleteLeavesTheNamePendingUntilTheLastHandle() {
        let machine = Machine()
        let (held, _) = machine.open("a", disposition: .create)
        #expect(machine.delete("a", posix: false) == .STATUS_SUCCESS)
        #expect(machine.open("a").status == .STATUS_DELETE_PENDING)
        #expect(machine.make("a") == .STATUS_DELETE_PENDING)
        machine.nt.NtClose(held)
        #expect(machine.open("a").status == .STATUS_OBJECT_NAME_NOT_FOUND)
        machine.checkInvariants()
    }

    @Test func aDirectoryMustBeEmptyToGo() {
        let machine = Machine()
        _ = machine.make("d", isDirectory: true)
        _ = machine.make("d\\a")
        #expect(machine.delete("d") == .STATUS_DIRECTORY_NOT_EMPTY)
        #expect(machine.delete("d\\a") == .STATUS_SUCCESS)
        let (held, _) = machine.open("d")
        #expect(machine.delete("d") == .STATUS_SUCCESS)
        #expect(machine.open("a", in: held, disposition: .create).status == .STATUS_DELETE_PENDING)
        machine.checkInvariants()
    }

    @Test func aDirectoryWithAnOpenDescendantCannotBeRenamed() {
        let machine = Machine()
        _ = machine.make("d", isDirectory: true)
        _ = machine.make("d\\e", isDirectory: true)
        _ = machine.make("d\\e\\a")
        let (below, _) = machine.open("d\\e\\a")
        #expect(machine.rename("d", to: "x") == .STATUS_ACCESS_DENIED)
        machine.nt.NtClose(below)
        let (itself, _) = machine.open("d")
        #expect(machine.rename("d", to: "x") == .STATUS_SUCCESS)
        #expect(machine.open("x\\e\\a").status == .STATUS_SUCCESS)
        machine.nt.NtClose(itself)
        machine.checkInvariants()
    }

    @Test func renameReplacesAnOpenFileAndAnEmptyDirectory() {
        let machine = Machine()
        let (old, _) = machine.open("old", disposition: .create)
        _ = machine.write(old, "old")
        let (new, _) = machine.open("new", disposition: .create)
        _ = machine.write(new, "new")
        #expect(machine.rename("new", to: "old") == .STATUS_SUCCESS)
        #expect(machine.read(old).text == "old")
        #expect(machine.read(machine.open("old").handle).text == "new")
        _ = machine.make("d", isDirectory: true)
        _ = machine.make("e", isDirectory: true)
        _ = machine.make("e\\a")
        #expect(machine.rename("d", to: "e") == .STATUS_DIRECTORY_NOT_EMPTY)
        #expect(machine.rename("e", to: "d") == .STATUS_SUCCESS)
        #expect(machine.rename("old", to: "d") == .STATUS_ACCESS_DENIED, "a file does not replace a directory")
        machine.checkInvariants()
    }

    @Test func aDirectoryDoesNotMoveBelowItself() {
        let machine = Machine()
        _ = machine.make("d", isDirectory: true)
        _ = machine.make("d\\e", isDirectory: true)
        let (below, _) = machine.open("d\\e")
        #expect(machine.rename("d", to: "d", in: below) == .STATUS_INVALID_PARAMETER)
        machine.checkInvariants()
    }

    @Test func linksShareTheFileAndAreCounted() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.write(handle, "text")
        for index in 1..<1024 { #expect(machine.link("a", to: "l\(index)") == .STATUS_SUCCESS) }
        #expect(machine.link("a", to: "l1024") == .STATUS_TOO_MANY_LINKS)
        #expect(machine.link("a", to: "l1") == .STATUS_TOO_MANY_LINKS)
        #expect(machine.read(machine.open("l77").handle).text == "text")
        #expect(machine.delete("a") == .STATUS_SUCCESS)
        var standard: FileStandardInformation?
        _ = machine.nt.NtQueryInformationFile(handle, &standard)
        #expect(standard?.numberOfLinks == 1023)
        machine.checkInvariants()
    }

    @Test func linkOfADeletedFileIsDeniedAndOfADirectoryRefused() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.delete("a")
        let information = FileSetInformation.linkEx(replaceIfExists: false, rootDirectory: machine.root, name: "b")
        #expect(machine.nt.NtSetInformationFile(handle, information) == .STATUS_ACCESS_DENIED)
        _ = machine.make("d", isDirectory: true)
        #expect(machine.link("d", to: "e") == .STATUS_FILE_IS_A_DIRECTORY)
    }

    @Test func caseFollowsTheFlagOfTheDirectory() {
        let machine = Machine()
        _ = machine.make("File")
        #expect(machine.open("FILE").status == .STATUS_OBJECT_NAME_NOT_FOUND)
        #expect(machine.make("FILE") == .STATUS_SUCCESS)
        let clear = FileSetInformation.caseSensitive(FileCaseSensitiveInformation(isCaseSensitive: false))
        #expect(machine.nt.NtSetInformationFile(machine.root, clear) == .STATUS_CASE_DIFFERING_NAMES_IN_DIR)
        _ = machine.delete("FILE")
        #expect(machine.nt.NtSetInformationFile(machine.root, clear) == .STATUS_SUCCESS)
        var handle = Handle.null
        var block = IoStatusBlock()
        let attributes = ObjectAttributes(
            rootDirectory: machine.root,
            name: "fILE",
            flags: [.kernelHandle, .caseInsensitive]
        )
        let status = machine.nt.NtCreateFile(
            &handle,
            access: .fileReadData,
            attributes: attributes,
            status: &block,
            disposition: .open
        )
        #expect(status == .STATUS_SUCCESS)
        machine.checkInvariants()
    }

    @Test func namesAreNotNormalised() {
        let machine = Machine()
        #expect(machine.make("e\u{301}") == .STATUS_SUCCESS)
        #expect(machine.make("\u{e9}") == .STATUS_SUCCESS)
        machine.checkInvariants()
    }

    @Test func openByFileReferenceFindsTheFile() {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        var identity: FileInternalInformation?
        _ = machine.nt.NtQueryInformationFile(handle, &identity)
        var other = Handle.null
        var block = IoStatusBlock()
        let attributes = ObjectAttributes(rootDirectory: machine.root, fileID: identity?.indexNumber)
        let status = machine.nt.NtCreateFile(
            &other,
            access: .fileReadData,
            attributes: attributes,
            status: &block,
            disposition: .open,
            options: .openByFileID
        )
        #expect(status == .STATUS_SUCCESS)
        machine.checkInvariants()
    }

    @Test func readOnlyAndFullVolumesRefuseWrites() {
        let machine = Machine(clusters: 4)
        let (handle, _) = machine.open("a", disposition: .create)
        #expect(machine.write(handle, "x", at: 4 * 4096) == .STATUS_DISK_FULL)
        #expect(machine.write(handle, "x", at: 4 * 4096 - 1) == .STATUS_SUCCESS)
        #expect(machine.make("b") == .STATUS_DISK_FULL)
        machine.volume.isReadOnly = true
        #expect(machine.write(handle, "x") == .STATUS_MEDIA_WRITE_PROTECTED)
        #expect(machine.open("a", .fileWriteData).status == .STATUS_MEDIA_WRITE_PROTECTED)
        machine.checkInvariants()
    }
}
