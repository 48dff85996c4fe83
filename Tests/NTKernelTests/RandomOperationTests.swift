// Long random sequences: after every operation the executive's invariants must hold.
import Testing

@testable import NTKernel

@Suite struct RandomOperationTests {
    @Test(arguments: 1...6) func fileOperationsKeepTheVolumeSound(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let machine = Machine(clusters: 64)
        var handles: [Handle] = []
        let names = ["a", "b", "d", "d\\a", "d\\b", "d\\e", "d\\e\\a", "f", "f\\a"]
        for _ in 0..<1500 {
            let name = names.randomElement(using: &random) ?? "a"
            let other = names.randomElement(using: &random) ?? "b"
            let handle = handles.randomElement(using: &random) ?? machine.root
            switch Int.random(in: 0..<14, using: &random) {
            case 0, 1: _ = machine.make(name, isDirectory: Bool.random(using: &random))
            case 2, 3, 4:
                let share = FileShare(rawValue: UInt32.random(in: 0...7, using: &random)).union([.delete])
                let access: AccessMask = [.fileReadData, .fileAllAccess].randomElement(using: &random) ?? []
                let (opened, status) = machine.open(name, access, share: share)
                if status.isSuccess { handles.append(opened) }
            case 5, 6:
                if let index = handles.indices.randomElement(using: &random) {
                    machine.nt.NtClose(handles.remove(at: index))
                }
            case 7, 8: _ = machine.delete(name, posix: Bool.random(using: &random))
            case 9: _ = machine.rename(name, to: "a")
            case 10:
                let (directory, status) = machine.open("d", .fileReadAttributes)
                if status.isSuccess {
                    _ = machine.rename(name, to: String(other.last ?? "a"), in: directory)
                    machine.nt.NtClose(directory)
                }
            case 11: _ = machine.link(name, to: String(other.last ?? "a"))
            case 12: _ = machine.write(handle, "text", at: Int64.random(in: 0..<20_000, using: &random))
            default:
                let size = Int64.random(in: 0..<20_000, using: &random)
                _ = machine.nt.NtSetInformationFile(handle, .endOfFile(size))
            }
            let broken = machine.nt._checkInvariants()
            guard broken.isEmpty else {
                Issue.record("\(broken)")
                return
            }
        }
        for handle in handles { machine.nt.NtClose(handle) }
        machine.checkInvariants()
    }

    @Test(arguments: 1...6) func memoryOperationsKeepAddressSpacesSound(_ seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var configuration = ExecutiveConfiguration()
        configuration.commitLimit = 400
        let machine = Machine(configuration)
        let nt = machine.nt
        let (file, _) = machine.open("a", disposition: .create)
        _ = machine.write(file, "x", at: 40_000)
        var sections: [Handle] = []
        for size in [0, 65_536] as [UInt64] {
            var section = Handle.null
            _ = nt.NtCreateSection(
                &section,
                maximumSize: size,
                protection: .readWrite,
                file: size == 0 ? file : .null
            )
            sections.append(section)
        }
        var processes = [try machine.process()]
        for _ in 0..<1500 {
            let process = processes.randomElement(using: &random) ?? processes[0]
            var base = 0x10_0000 + 4096 * UInt64.random(in: 0..<64, using: &random)
            var size = 4096 * UInt64.random(in: 1..<16, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                _ = nt.NtAllocateVirtualMemory(
                    process,
                    base: &base,
                    size: &size,
                    type: [.reserve],
                    protection: .readWrite
                )
            case 1, 2:
                _ = nt.NtAllocateVirtualMemory(
                    process,
                    base: &base,
                    size: &size,
                    type: [.reserve, .commit],
                    protection: .readWrite
                )
            case 3:
                _ = nt.NtAllocateVirtualMemory(process, base: &base, size: &size, type: .commit, protection: .readOnly)
            case 4:
                let section = sections.randomElement(using: &random) ?? .null
                let protection: PageProtection =
                    [.readOnly, .readWrite, .writeCopy].randomElement(using: &random) ?? .readOnly
                _ = nt.NtMapViewOfSection(
                    section,
                    process: process,
                    base: &base,
                    offset: 4096,
                    viewSize: &size,
                    type: .reserve,
                    protection: protection
                )
            case 5:
                var old = PageProtection.noAccess
                _ = nt.NtProtectVirtualMemory(process, base: base, size: size, protection: .writeCopy, old: &old)
                _ = nt.NtProtectVirtualMemory(process, base: base, size: size, protection: .readOnly, old: &old)
            case 6: _ = nt.MmUnmapPicoRange(process, base: base, size: size)
            case 7:
                let type: AllocationType = Bool.random(using: &random) ? .decommit : .release
                _ = nt.NtFreeVirtualMemory(process, base: &base, size: &size, type: type)
            case 8 where processes.count < 5:
                var handle = Handle.null
                let flags: PicoProcessAttributes.Flags =
                    Bool.random(using: &random) ? .cloneParent : [.cloneParent, .cloneReducedCommit]
                let attributes = PicoProcessAttributes(parent: process, context: ProviderContext(), flags: flags)
                if nt.PspCreatePicoProcess(attributes, nil, handle: &handle).isSuccess {
                    var child: EProcess?
                    _ = nt.ObReferenceObjectByHandle(handle, object: &child)
                    nt.NtClose(handle)
                    if let child { processes.append(child) }
                }
            case 9 where processes.count > 1:
                nt.PspTerminatePicoProcess(processes.removeLast(), status: .STATUS_SUCCESS)
            default: break
            }
            let broken = nt._checkInvariants()
            guard broken.isEmpty else {
                Issue.record("\(broken)")
                return
            }
        }
        for process in processes { nt.PspTerminatePicoProcess(process, status: .STATUS_SUCCESS) }
        for section in sections { nt.NtClose(section) }
        #expect(nt.committedPages == 0)
        machine.checkInvariants()
    }

    /// Against a plain array of optional bytes.
    @Test(arguments: 1...6) func dataStreamsEqualAnArray(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var stream = DataStream(unknownSize: 300)
        var model = [UInt8?](repeating: nil, count: 300)
        for _ in 0..<2000 {
            let offset = Int.random(in: 0..<400, using: &random)
            let count = Int.random(in: 1..<80, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                stream.write(at: Int64(offset), bytes)
                while model.count < offset + count { model.append(0) }
                model.replaceSubrange(offset..<(offset + count), with: bytes.map(Optional.some))
            case 2:
                stream.prove(at: Int64(offset), bytes)
                for (index, byte) in bytes.enumerated() where offset + index < model.count {
                    model[offset + index] = byte
                }
            case 3:
                stream.forget(Int64(offset)..<Int64(offset + count))
                for index in offset..<(offset + count) where index < model.count { model[index] = nil }
            case 4:
                stream.setSize(Int64(offset))
                model =
                    offset < model.count
                    ? Array(model[..<offset]) : model + [UInt8?](repeating: 0, count: offset - model.count)
            default:
                stream.zero(Int64(offset)..<Int64(offset + count))
                for index in offset..<(offset + count) where index < model.count { model[index] = 0 }
            }
            let read = stream.read(at: 0, count: 1000)
            var seen = read.bytes.map(Optional.some)
            for range in read.unknown { for index in range { seen[index] = nil } }
            guard seen == model, stream.brokenInvariants().isEmpty else {
                Issue.record("stream differs: \(stream.brokenInvariants())")
                return
            }
        }
    }
}
