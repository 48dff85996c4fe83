// The rules of pico registration (pico-interface.md §2) and the system call path.
import NTKernel
import Testing

@Suite struct PicoRegistrationTests {
    private func register(
        _ nt: NTExecutive,
        abi: PicoABI,
        providerSize: Int? = nil,
        picoSize: Int? = nil,
        change: (inout PicoProviderRoutines) -> Void = { _ in }
    ) -> NTSTATUS {
        var provider = PicoProviderRoutines(size: providerSize ?? abi.providerRoutinesSize)
        change(&provider)
        var routines = PicoRoutines(size: picoSize ?? abi.picoRoutinesSize)
        let status = nt.PsRegisterPicoProvider(provider, routines: &routines)
        #expect((routines.createProcess != nil) == status.isSuccess)
        return status
    }

    private func executive(_ abi: PicoABI) -> NTExecutive {
        var configuration = ExecutiveConfiguration()
        configuration.picoABI = abi
        return NTExecutive(configuration)
    }

    @Test(arguments: PicoABI.allCases) func sizesMustBeEqual(_ abi: PicoABI) {
        let size = abi.providerRoutinesSize
        #expect(register(executive(abi), abi: abi) == .STATUS_SUCCESS)
        #expect(register(executive(abi), abi: abi, providerSize: size + 8) == .STATUS_INFO_LENGTH_MISMATCH)
        #expect(register(executive(abi), abi: abi, providerSize: size - 8) == .STATUS_INFO_LENGTH_MISMATCH)
        #expect(register(executive(abi), abi: abi, picoSize: 8) == .STATUS_INFO_LENGTH_MISMATCH)
    }

    @Test func aProviderOfAnOlderReleaseIsRefused() {
        #expect(register(executive(.rs1), abi: .th1) == .STATUS_INFO_LENGTH_MISMATCH)
        #expect(register(executive(.rs2), abi: .rs1) == .STATUS_INFO_LENGTH_MISMATCH)
        #expect(register(executive(.rs4), abi: .rs2) == .STATUS_SUCCESS, "RS4 changed signatures, not sizes")
    }

    @Test func masksMayNotHaveGenericBits() {
        #expect(register(executive(.rs4), abi: .rs4) { $0.openProcess = .genericRead } == .STATUS_INVALID_PARAMETER)
        let status = register(executive(.rs4), abi: .rs4) { $0.openThread = .accessSystemSecurity }
        #expect(status == .STATUS_INVALID_PARAMETER)
    }

    @Test func theWindowCloses() {
        let nt = executive(.rs4)
        nt.PspDisablePicoRegistration()
        #expect(register(nt, abi: .rs4, providerSize: 1) == .STATUS_TOO_LATE)
    }

    @Test func noPicoProcessWithoutAProvider() {
        var handle = Handle.null
        let attributes = PicoProcessAttributes(parent: nil, context: ProviderContext())
        let status = executive(.rs4).PspCreatePicoProcess(attributes, nil, handle: &handle)
        #expect(status == .STATUS_ACCESS_DENIED)
    }

    @Test func systemCallsGoToTheProviderWithTheTrapFrame() throws {
        let nt = executive(.rs4)
        let status = register(nt, abi: .rs4) { provider in
            provider.dispatchSystemCall = { call in
                #expect(nt.currentThread === call.thread)
                call.trapFrame.registers.rax = call.trapFrame.registers.rax + 1
            }
        }
        #expect(status == .STATUS_SUCCESS)
        var handle = Handle.null
        let context = ProviderContext()
        _ = nt.PspCreatePicoProcess(PicoProcessAttributes(parent: nil, context: context), nil, handle: &handle)
        var object: EProcess?
        _ = nt.ObReferenceObjectByHandle(handle, object: &object)
        let process = try #require(object)
        #expect(nt.PspGetPicoProcessContext(process) === context)
        _ = nt.PspCreatePicoThread(
            PicoThreadAttributes(process: process, registers: Context(), context: context),
            nil,
            handle: &handle
        )
        let thread = try #require(process.threads.first)
        let frame = TrapFrame()
        frame.registers.rax = 39
        #expect(nt.KiSystemCall64(thread, frame: frame) == .STATUS_SUCCESS)
        #expect(frame.registers.rax == 40)
        #expect(nt.currentThread == nil)
    }

    @Test func aMinimalProcessHasNoSystemCalls() throws {
        let nt = executive(.rs4)
        var handle = Handle.null
        #expect(nt.PsCreateMinimalProcess(imageName: "MemCompression", handle: &handle) == .STATUS_SUCCESS)
        var process: EProcess?
        _ = nt.ObReferenceObjectByHandle(handle, object: &process)
        #expect(process?.kind == .minimal)
        #expect(process.flatMap { nt.PspGetPicoProcessContext($0) } == nil)
        #expect(nt._checkInvariants().isEmpty)
    }
}
