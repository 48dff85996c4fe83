// The state machine without a kernel: events in, records out.
import LinuxABI
import Testing
import TraceLog

@testable import Recorder

@Suite struct RecordingStateTests {
    private func begin() throws -> RecordingState<ListSink> {
        var state = RecordingState(sink: ListSink(), start: 1000)
        try state.created(tid: 10, tgid: 10, parent: nil, time: 1000)
        return state
    }

    private func enter(
        _ state: inout RecordingState<ListSink>,
        _ tid: Int32,
        _ sequence: UInt64,
        _ name: String,
        _ argument: UInt64 = 0
    ) throws {
        let number = UInt32(try #require(ABI.call(named: name)?.numbers.x86_64))
        try state.entered(
            tid: tid,
            sequence: sequence,
            number: number,
            architecture: .x86_64,
            arguments: SyscallArguments(argument),
            flags: [],
            time: 1000 + sequence
        )
    }

    private func feed(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test func entriesAndReturnsOfThreadsArePaired() throws {
        var state = try begin()
        try state.created(tid: 11, tgid: 10, parent: 10, time: 1001)
        try enter(&state, 10, 1, "read")
        try enter(&state, 11, 2, "getpid")
        try state.returned(tid: 11, sequence: 2, result: 10, time: 1010)
        feed("abc") { state.output(tid: 10, sequence: 1, address: 64, length: 3, bytes: $0, isFault: false, owner: 1) }
        try state.returned(tid: 10, sequence: 1, result: 3, time: 1020)
        #expect(state.sink.calls.map(\.index) == [1, 0])
        #expect(state.sink.calls.map(\.task) == [TaskID(1), TaskID(0)])
        #expect(state.sink.calls[1].chunks == [MemoryRecord(.output, address: 64, bytes: Array("abc".utf8))])
        #expect(state.sink.calls[1].entryTime == 1 && state.sink.calls[1].exitTime == 20)
        #expect(state.notes.isEmpty)
    }

    @Test func piecesOfOneBufferAreJoinedAndOthersAreNot() throws {
        var state = try begin()
        try enter(&state, 10, 1, "readv")
        feed("abcd") { state.output(tid: 10, sequence: 1, address: 64, length: 4, bytes: $0, isFault: false, owner: 1) }
        feed("ef") { state.output(tid: 10, sequence: 1, address: 68, length: 2, bytes: $0, isFault: false, owner: 1) }
        feed("") { state.output(tid: 10, sequence: 1, address: 70, length: 9, bytes: $0, isFault: false, owner: 1) }
        feed("x") { state.output(tid: 10, sequence: 1, address: 79, length: 1, bytes: $0, isFault: false, owner: 2) }
        try state.returned(tid: 10, sequence: 1, result: 16, time: 1020)
        #expect(
            state.sink.calls[0].chunks == [
                MemoryRecord(.output, address: 64, bytes: Array("abcdef".utf8), length: 15),
                MemoryRecord(.output, address: 79, bytes: Array("x".utf8)),
            ]
        )
    }

    @Test func aMissingReturnIsNeverSilent() throws {
        var state = try begin()
        try enter(&state, 10, 1, "read")
        try enter(&state, 10, 2, "write")
        try state.returned(tid: 10, sequence: 1, result: 1, time: 1005)
        try state.finish()
        #expect(state.sink.calls.map(\.flags) == [.resultLost, .unfinished])
        #expect(state.notes == ["results lost": 1, "returns without an entry": 1])
    }

    @Test func aThreadsExecMovesItToTheProcessId() throws {
        var state = try begin()
        try state.created(tid: 11, tgid: 10, parent: 10, time: 1001)
        try enter(&state, 10, 1, "pause")
        try enter(&state, 11, 2, "execve")
        // The other threads get a SIGKILL that is no signal to the program.
        try state.signal(tid: 10, number: 9, code: 0, handler: 0, time: 1003)
        try state.died(tid: 10, status: nil, time: 1004)
        try state.executed(tid: 10, previous: 11, time: 1005)
        try state.returned(tid: 10, sequence: 2, result: 0, time: 1006)
        try enter(&state, 10, 3, "getpid")
        try state.returned(tid: 10, sequence: 3, result: 10, time: 1008)
        #expect(state.sink.calls.map(\.task) == [TaskID(0), TaskID(1), TaskID(1)])
        #expect(state.sink.calls[0].flags == .unfinished)
        #expect(state.sink.signals.isEmpty)
        try enter(&state, 10, 4, "exit_group", 3)
        try state.died(tid: 10, status: nil, time: 1010)
        #expect(state.sink.tasks.last?.kind == .exited(status: 3 << 8))
        #expect(state.sink.tasks.last?.task == TaskID(1))
    }

    @Test func aReusedThreadIdIsANewTask() throws {
        var state = try begin()
        try state.created(tid: 11, tgid: 11, parent: 10, time: 1001)
        try state.died(tid: 11, status: nil, time: 1002)
        try state.created(tid: 11, tgid: 11, parent: 10, time: 1003)
        try enter(&state, 11, 1, "getpid")
        try state.returned(tid: 11, sequence: 1, result: 11, time: 1004)
        #expect(state.sink.calls.map(\.task) == [TaskID(2)])
    }

    @Test func theTrueNameOfAFatalSignalIsFound() throws {
        var state = try begin()
        state.signalSent(to: 10, number: 15, code: -6)
        try state.signal(tid: 10, number: 9, code: 0, handler: 0, time: 1001)
        try state.died(tid: 10, status: nil, time: 1002)
        #expect(state.sink.signals.map(\.signal) == [15] && state.sink.signals.map(\.code) == [-6])
        #expect(state.sink.tasks.last?.kind == .exited(status: 15))
    }

    @Test func aDeniedCallIsACallOfItsOwn() throws {
        var state = try begin()
        try state.denied(
            tid: 10,
            number: 39,
            architecture: .x86_64,
            arguments: SyscallArguments(),
            result: -1,
            time: 1001
        )
        #expect(state.sink.calls.map(\.flags) == [.denied] && state.sink.calls.map(\.result) == [-1])
    }

    @Test func aCallWhoseThreadIsKilledBeforeTheAnswerIsOneCall() throws {
        var state = try begin()
        try enter(&state, 10, 1, "close", 3)
        try state.denied(
            tid: 10,
            number: 3,
            architecture: .x86_64,
            arguments: SyscallArguments(3, 99),
            result: -512,
            time: 1005
        )
        #expect(state.sink.calls.map(\.result) == [-512] && state.sink.calls.map(\.flags) == [[]])
        #expect(state.notes.isEmpty)
    }

    @Test func aDeniedCallLeavesTheMemoryOfTheNextEntryAlone() throws {
        var state = try begin()
        try state.created(tid: 11, tgid: 10, parent: 10, time: 1000)
        feed("path") { state.input(address: 64, length: 4, bytes: $0, hash: .zero, owner: 1) }
        try state.denied(
            tid: 11,
            number: 39,
            architecture: .x86_64,
            arguments: SyscallArguments(),
            result: -1,
            time: 1001
        )
        try enter(&state, 10, 1, "chdir")
        try state.returned(tid: 10, sequence: 1, result: 0, time: 1002)
        #expect(state.sink.calls.map(\.chunks.count) == [0, 1])
    }

    @Test func birthsNameTheCallThatIsUnderWay() throws {
        var state = try begin()
        try enter(&state, 10, 1, "clone")
        try state.created(tid: 12, tgid: 12, parent: 10, time: 1002)
        #expect(state.sink.tasks.last?.kind == .created(tid: 12, tgid: 12, parent: TaskID(0), byCall: 0))
    }
}

@Suite struct SecretMaskTests {
    @Test(arguments: [
        ("GITHUB_TOKEN=abc", "GITHUB_TOKEN=***"), ("aws_secret_access_key=a=b", "aws_secret_access_key=***"),
        ("DB_PASSWORD=", "DB_PASSWORD="), ("HTTP_AUTHORIZATION=x", "HTTP_AUTHORIZATION=*"), ("PATH=/bin", "PATH=/bin"),
        ("GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_NAME=Ann"), ("TOKEN", "TOKEN"), ("HOME=/key", "HOME=/key"),
    ])
    func valuesOfSecretsAreMaskedAtTheirLength(variable: String, expected: String) {
        #expect(SecretMask.masked(variable).variable == expected)
    }
}

@Suite struct HostProbeTests {
    @Test func windowsKernelsAreRecognised() {
        #expect(HostProbe.windowsPlace(release: "4.4.0-19041-Microsoft") == .wsl1)
        #expect(HostProbe.windowsPlace(release: "5.15.153.1-microsoft-standard-WSL2") == .wsl2)
        #expect(HostProbe.windowsPlace(release: "6.1.0-18-amd64") == nil)
        #expect(HostProbe.windowsPlace(release: "4.4.0-210-generic") == nil)
    }

    @Test func everyCheckSaysSomethingInOneLine() {
        let findings = HostProbe.run()
        #expect(findings.checks.count >= 8)
        #expect(findings.checks.allSatisfy { !$0.detail.isEmpty && !$0.detail.contains("\n") })
        #expect(Set(findings.checks.map(\.name)).count == findings.checks.count)
    }
}
