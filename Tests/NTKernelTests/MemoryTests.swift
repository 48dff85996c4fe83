// Virtual memory and sections.
import Testing

@testable import NTKernel

@Suite struct MemoryTests {
    private func allocate(
        _ machine: Machine,
        _ process: EProcess,
        at address: UInt64 = 0,
        pages: UInt64,
        type: AllocationType = [.reserve, .commit]
    ) -> (base: UInt64, status: NTSTATUS) {
        var base = address
        var size = pages * 4096
        let status = machine.nt.NtAllocateVirtualMemory(
            process,
            base: &base,
            size: &size,
            type: type,
            protection: .readWrite
        )
        return (base, status)
    }

    @Test func granularityIs4KBForPicoAnd64KBOtherwise() throws {
        let machine = Machine()
        let pico = try machine.process()
        #expect(allocate(machine, pico, at: 0x40_1000, pages: 1).base == 0x40_1000)
        #expect(allocate(machine, pico, at: 0x40_2000, pages: 1).status == .STATUS_SUCCESS)
        let other = machine.nt.systemProcess
        #expect(allocate(machine, other, at: 0x40_1000, pages: 1).base == 0x40_0000)
        #expect(allocate(machine, other, at: 0x40_3000, pages: 1).status == .STATUS_CONFLICTING_ADDRESSES)
        machine.checkInvariants()
    }

    @Test func allocationsDoNotOverlapOrLeaveUserSpace() throws {
        let machine = Machine()
        let process = try machine.process()
        #expect(allocate(machine, process, at: 0x10_0000, pages: 4).status == .STATUS_SUCCESS)
        #expect(allocate(machine, process, at: 0x10_3000, pages: 4).status == .STATUS_CONFLICTING_ADDRESSES)
        #expect(allocate(machine, process, at: 0x1000, pages: 1).status == .STATUS_INVALID_PARAMETER)
        #expect(allocate(machine, process, at: 0x7FFF_FFFF_0000, pages: 1).status == .STATUS_INVALID_PARAMETER)
        let top = allocate(machine, process, pages: 1, type: [.reserve, .topDown])
        #expect(top.base == 0x7FFF_FFFE_F000)
        #expect(allocate(machine, process, pages: 1 << 36).status == .STATUS_NO_MEMORY)
        machine.checkInvariants()
    }

    @Test func commitIsChargedWhenItHappens() throws {
        var configuration = ExecutiveConfiguration()
        configuration.commitLimit = 8
        let machine = Machine(configuration)
        let process = try machine.process()
        let (base, _) = allocate(machine, process, at: 0x10_0000, pages: 100, type: .reserve)
        #expect(machine.nt.committedPages == 0)
        #expect(allocate(machine, process, at: base + 4096, pages: 8, type: .commit).status == .STATUS_SUCCESS)
        #expect(allocate(machine, process, at: base + 8192, pages: 8, type: .commit).status == .STATUS_COMMITMENT_LIMIT)
        machine.checkInvariants()
        var start = base
        var size: UInt64 = 3 * 4096
        #expect(machine.nt.NtFreeVirtualMemory(process, base: &start, size: &size, type: .decommit).isSuccess)
        #expect(machine.nt.committedPages == 6)
        machine.checkInvariants()
    }

    @Test func aPicoProcessMayReleasePartOfAnAllocation() throws {
        let machine = Machine()
        let process = try machine.process()
        let (base, _) = allocate(machine, process, at: 0x10_0000, pages: 4)
        var start = base + 4096
        var size: UInt64 = 4096
        #expect(machine.nt.NtFreeVirtualMemory(process, base: &start, size: &size, type: .release).isSuccess)
        #expect(process.addressSpace.descriptors.map(\.start) == [base, base + 8192])
        #expect(process.addressSpace.commitCharge == 3)
        machine.checkInvariants()
        let system = machine.nt.systemProcess
        (start, _) = allocate(machine, system, at: 0x10_0000, pages: 4)
        #expect(
            machine.nt.NtFreeVirtualMemory(system, base: &start, size: &size, type: .release)
                == .STATUS_UNABLE_TO_FREE_VM
        )
    }

    @Test func protectionChangesWithinOneAllocation() throws {
        let machine = Machine()
        let process = try machine.process()
        let (base, _) = allocate(machine, process, at: 0x10_0000, pages: 3)
        var old = PageProtection.noAccess
        let nt = machine.nt
        #expect(
            nt.NtProtectVirtualMemory(process, base: base + 4096, size: 1, protection: .readOnly, old: &old).isSuccess
        )
        #expect(old == .readWrite)
        #expect(nt.NtQueryVirtualMemory(process, address: base)?.protection == .readWrite)
        #expect(nt.NtQueryVirtualMemory(process, address: base + 4096)?.protection == .readOnly)
        #expect(process.addressSpace.descriptors.count == 1)
        let past = nt.NtProtectVirtualMemory(process, base: base, size: 4 * 4096, protection: .readOnly, old: &old)
        #expect(past == .STATUS_CONFLICTING_ADDRESSES)
        let (reserved, _) = allocate(machine, process, at: 0x20_0000, pages: 1, type: .reserve)
        let uncommitted = nt.NtProtectVirtualMemory(
            process,
            base: reserved,
            size: 4096,
            protection: .readOnly,
            old: &old
        )
        #expect(uncommitted == .STATUS_NOT_COMMITTED)
        machine.checkInvariants()
    }

    @Test func sectionsOfEmptyFilesAndDirectoriesAreRefused() throws {
        let machine = Machine()
        let (handle, _) = machine.open("a", disposition: .create)
        var section = Handle.null
        let nt = machine.nt
        #expect(
            nt.NtCreateSection(&section, maximumSize: 0, protection: .readOnly, file: handle)
                == .STATUS_MAPPED_FILE_SIZE_ZERO
        )
        #expect(
            nt.NtCreateSection(&section, maximumSize: 0, protection: .readOnly, file: machine.root)
                == .STATUS_INVALID_FILE_FOR_SECTION
        )
        _ = machine.write(handle, "x")
        let (reader, _) = machine.open("a", .fileReadData)
        #expect(
            nt.NtCreateSection(&section, maximumSize: 0, protection: .readWrite, file: reader)
                == .STATUS_ACCESS_DENIED
        )
        #expect(nt.NtCreateSection(&section, maximumSize: 0, protection: .readOnly, file: reader).isSuccess)
    }

    @Test func viewsAreBoundedBySectionAndProtection() throws {
        let machine = Machine()
        let process = try machine.process()
        let (handle, _) = machine.open("a", disposition: .create)
        _ = machine.write(handle, String(repeating: "x", count: 5000))
        var section = Handle.null
        let nt = machine.nt
        _ = nt.NtCreateSection(&section, maximumSize: 0, protection: .readOnly, file: handle)
        func map(_ size: UInt64, _ protection: PageProtection, _ type: AllocationType = [], offset: UInt64 = 0)
            -> NTSTATUS
        {
            var base: UInt64 = 0
            var size = size
            return nt.NtMapViewOfSection(
                section,
                process: process,
                base: &base,
                offset: offset,
                viewSize: &size,
                type: type,
                protection: protection
            )
        }
        #expect(map(8192, .readOnly) == .STATUS_SUCCESS)
        #expect(map(12288, .readOnly) == .STATUS_INVALID_VIEW_SIZE)
        #expect(map(12288, .readOnly, .reserve) == .STATUS_SUCCESS)
        #expect(map(4096, .readWrite) == .STATUS_SECTION_PROTECTION)
        #expect(map(4096, .executeRead) == .STATUS_SECTION_PROTECTION)
        #expect(map(4096, .readOnly, offset: 100) == .STATUS_MAPPED_ALIGNMENT)
        let before = nt.committedPages
        #expect(map(8192, .writeCopy) == .STATUS_SUCCESS)
        #expect(nt.committedPages == before + 2, "pages that may be copied are charged")
        machine.checkInvariants()
        nt.NtClose(section)
        nt.NtClose(handle)
        _ = machine.delete("a")
        machine.checkInvariants()
        nt.PspTerminatePicoProcess(process, status: .STATUS_SUCCESS)
        #expect(nt.committedPages == 0)
        machine.checkInvariants()
    }

    @Test func unmappingTheMiddleOfAViewLeavesBothEnds() throws {
        let machine = Machine()
        let process = try machine.process()
        var section = Handle.null
        let nt = machine.nt
        _ = nt.NtCreateSection(&section, maximumSize: 3 * 4096, protection: .readWrite, file: .null)
        var base: UInt64 = 0x10_0000
        var size: UInt64 = 0
        _ = nt.NtMapViewOfSection(
            section,
            process: process,
            base: &base,
            offset: 0,
            viewSize: &size,
            protection: .readWrite
        )
        nt.NtClose(section)
        #expect(nt.committedPages == 3)
        #expect(nt.MmUnmapPicoRange(process, base: base + 4096, size: 4096) == .STATUS_SUCCESS)
        #expect(process.addressSpace.descriptors.count == 2)
        if case .view(_, let offset)? = process.addressSpace.descriptors.last?.backing { #expect(offset == 8192) }
        machine.checkInvariants()
        #expect(nt.MmUnmapPicoRange(process, base: 0x10000, size: 0x100_0000) == .STATUS_SUCCESS)
        #expect(nt.committedPages == 0, "the section goes with its last view")
        machine.checkInvariants()
    }
}
