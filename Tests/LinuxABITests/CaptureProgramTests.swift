// Capture programs copy what the kernel reads and plan what it writes.
import Testing

@testable import LinuxABI

/// Tracee memory in a dictionary of ranges; notes what a program asks for.
struct FakeTracee: CaptureTarget {
    var memory: [UInt64: [UInt8]] = [:]
    var inputs: [[UInt64]] = []
    var strings: [UInt64] = []
    var outputs: [ExitItem] = []
    /// Keeps the copies alive for the run.
    var copies: [UnsafeMutableRawBufferPointer] = []

    mutating func input(_ address: UInt64, length: Int, isPayload: Bool) -> UnsafeRawBufferPointer {
        inputs.append([address, UInt64(length)])
        guard
            let (base, bytes) = memory.first(where: { address >= $0.key && address < $0.key + UInt64($0.value.count) })
        else { return .init(start: nil, count: 0) }
        let slice = bytes.dropFirst(Int(address - base)).prefix(length)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(slice.count, 1), alignment: 8)
        copy.copyBytes(from: slice)
        copies.append(copy)
        return UnsafeRawBufferPointer(rebasing: copy[..<slice.count])
    }

    mutating func inputString(_ address: UInt64, limit: Int) { strings.append(address) }
    mutating func output(_ item: ExitItem) { outputs.append(item) }
}

private func words(_ values: UInt64...) -> [UInt8] {
    values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) } }
}

private func run(_ name: String, _ arguments: SyscallArguments, _ memory: [UInt64: [UInt8]] = [:]) throws -> FakeTracee
{
    let call = try #require(ABI.call(named: name))
    var tracee = FakeTracee(memory: memory)
    call.variant(for: arguments).capture.run(arguments, on: &tracee)
    for copy in tracee.copies { copy.deallocate() }
    return tracee
}

@Suite struct CaptureProgramTests {
    @Test func readPlansItsBufferByTheResult() throws {
        let tracee = try run("read", SyscallArguments(3, 0x1000, 512))
        #expect(tracee.inputs.isEmpty)
        #expect(tracee.outputs.count == 1)
        #expect(tracee.outputs.first?.kind == .result)
        #expect(tracee.outputs.first?.address == 0x1000)
        #expect(tracee.outputs.first?.isPayload == true)
    }

    @Test func writeCopiesItsBuffer() throws {
        let tracee = try run("write", SyscallArguments(1, 0x1000, 5), [0x1000: Array("hello".utf8)])
        #expect(tracee.inputs == [[0x1000, 5]])
        #expect(tracee.outputs.isEmpty)
    }

    @Test func writevFollowsEachVector() throws {
        let tracee = try run(
            "writev",
            SyscallArguments(1, 0x1000, 2),
            [0x1000: words(0x2000, 3, 0x3000, 4), 0x2000: [1, 2, 3], 0x3000: [4, 5, 6, 7]]
        )
        #expect(tracee.inputs == [[0x1000, 32], [0x2000, 3], [0x3000, 4]])
    }

    @Test func readvSplitsTheResultOverItsBuffers() throws {
        let tracee = try run("readv", SyscallArguments(0, 0x1000, 2), [0x1000: words(0x2000, 3, 0x3000, 4)])
        #expect(tracee.outputs.map(\.address) == [0x2000, 0x3000])
        #expect(tracee.outputs.map(\.skip) == [0, 3])
        #expect(tracee.outputs.map(\.limit) == [3, 4])
    }

    @Test func execveCopiesEveryString() throws {
        let tracee = try run(
            "execve",
            SyscallArguments(0x100, 0x1000, 0x2000),
            [0x1000: words(0x11, 0x12, 0), 0x2000: words(0x21, 0)]
        )
        #expect(tracee.strings == [0x100, 0x11, 0x12, 0x21])
    }

    @Test func acceptWritesNoMoreThanTheRoomAnnounced() throws {
        let tracee = try run("accept", SyscallArguments(3, 0x1000, 0x2000), [0x2000: [16, 0, 0, 0]])
        let address = try #require(tracee.outputs.first { $0.address == 0x1000 })
        #expect(address.kind == .pointee)
        #expect(address.limit == 16)
        #expect(address.lengthAddress == 0x2000)
    }

    @Test func recvmsgPlansHeaderNameControlAndData() throws {
        let header = words(0x2000, 128, 0x3000, 1, 0x4000, 64, 0)
        let tracee = try run("recvmsg", SyscallArguments(3, 0x1000, 0), [0x1000: header, 0x3000: words(0x5000, 100)])
        #expect(Set(tracee.outputs.map(\.address)) == [0x1000, 0x2000, 0x4000, 0x5000])
        #expect(tracee.outputs.first { $0.address == 0x5000 }?.kind == .result)
    }

    @Test func selectCopiesWholeWordsOfItsSets() throws {
        let tracee = try run("select", SyscallArguments(65, 0x1000, 0, 0, 0), [0x1000: words(1, 1)])
        #expect(tracee.inputs.first == [0x1000, 16])
    }

    @Test func ioctlIsDescribedByItsCommand() throws {
        let tracee = try run("ioctl", SyscallArguments(0, ABI.constant("TIOCGWINSZ"), 0x1000))
        #expect(tracee.outputs.first?.limit == 8)
    }

    @Test func nullPointersAreNeverFollowed() throws {
        let tracee = try run("wait4", SyscallArguments(0, 0, 0, 0))
        #expect(tracee.inputs.isEmpty)
        #expect(tracee.outputs.isEmpty)
    }

    /// A register's upper half is not part of a 32-bit argument, and a negative length reads nothing.
    @Test func lengthsCountAtTheirDeclaredWidth() throws {
        let poll = try run("poll", SyscallArguments(0x1000, 0xdead_0000_0000_0002, 0), [0x1000: words(3, 4)])
        #expect(poll.inputs == [[0x1000, 16]])
        #expect(poll.outputs.map(\.limit) == [16])
        let minusOne = UInt64(UInt32(bitPattern: -1))
        #expect(try run("select", SyscallArguments(minusOne, 0x1000, 0, 0, 0)).inputs.isEmpty)
        #expect(try run("connect", SyscallArguments(3, 0x1000, minusOne)).inputs == [[0x1000, 128]])
    }

    /// The recorder reserves for the limit: it must be the caller's room, not any number.
    @Test func outputByTheResultIsBoundedByTheRoom() throws {
        #expect(try run("read", SyscallArguments(3, 0x1000, 512)).outputs.map(\.limit) == [512])
        #expect(try run("getdents64", SyscallArguments(3, 0x1000, 32768)).outputs.map(\.limit) == [32768])
        #expect(try run("epoll_wait", SyscallArguments(3, 0x1000, 8, 0)).outputs.map(\.limit) == [96])
        #expect(try run("epoll_wait", SyscallArguments(3, 0x1000, 8, 0)).outputs.map(\.scale) == [12])
        // The buffer may end just before an unmapped page: not one byte more than the result is there.
        #expect(
            try run("getcwd", SyscallArguments(0x1000, 129)).outputs == [
                ExitItem(kind: .result, address: 0x1000, limit: 129)
            ]
        )
        let message = try #require(try run("msgrcv", SyscallArguments(1, 0x1000, 100, 0, 0)).outputs.first)
        #expect(message.limit == 108)
        #expect(message.extra == 8)
    }

    @Test func sendmmsgCopiesItsMessagesAndPlansTheirLengths() throws {
        let headers = words(0, 0, 0x3000, 1, 0, 0, 0, 0) + words(0, 0, 0x3010, 1, 0, 0, 0, 0)
        let tracee = try run(
            "sendmmsg",
            SyscallArguments(3, 0x1000, 2, 0),
            [0x1000: headers, 0x3000: words(0x5000, 2, 0x5100, 3), 0x5000: [1, 2], 0x5100: [3, 4, 5]]
        )
        #expect(tracee.inputs.contains([0x5000, 2]))
        #expect(tracee.inputs.contains([0x5100, 3]))
        // As many headers as messages went.
        #expect(tracee.outputs == [ExitItem(kind: .result, address: 0x1000, limit: 128, scale: 64)])
    }

    @Test func recvmmsgPlansOneRangeOfHeaders() throws {
        let headers = words(0, 0, 0x3000, 1, 0, 0, 0, 0) + words(0, 0, 0x3010, 1, 0, 0, 0, 0)
        let tracee = try run(
            "recvmmsg",
            SyscallArguments(3, 0x1000, 2, 0, 0),
            [0x1000: headers, 0x3000: words(0x5000, 20, 0x5100, 30)]
        )
        #expect(tracee.outputs.map(\.address) == [0x5000, 0x5100, 0x1000])
        #expect(tracee.outputs.map(\.lengthAddress) == [0x1038, 0x1078, 0])
        #expect(tracee.outputs.last?.scale == 64)
    }

    @Test func inoutIsCopiedBothWays() throws {
        let tracee = try run("poll", SyscallArguments(0x1000, 1, 0), [0x1000: words(3)])
        #expect(tracee.inputs == [[0x1000, 8]])
        #expect(tracee.outputs.map(\.address) == [0x1000])
    }

    /// What a description could ask for with hostile arguments must stay within bounds.
    @Test func noArgumentsMakeAProgramAskForEverything() {
        for call in ABI.calls {
            for variant in [call.plain] + call.variants {
                for word in [UInt64.max, 1 << 63, 0x7fff_ffff, 0xffff_ffff] {
                    var tracee = FakeTracee()
                    variant.capture.run(SyscallArguments(word, word, word, word, word, word), on: &tracee)
                    for copy in tracee.copies { copy.deallocate() }
                    #expect(tracee.inputs.allSatisfy { $0[1] <= 1 << 30 }, "\(variant.fullName)")
                    #expect(tracee.outputs.allSatisfy { $0.limit <= 1 << 31 }, "\(variant.fullName)")
                }
            }
        }
    }

    @Test func conditionsAndAlwaysReachTheProgram() throws {
        let parent = ABI.constant("CLONE_PARENT_SETTID")
        #expect(try run("clone", SyscallArguments(0, 0, 0x1000)).outputs.isEmpty)
        #expect(try run("clone", SyscallArguments(parent, 0, 0x1000)).outputs.map(\.address) == [0x1000])
        // The remaining time is written when a signal ended the sleep: the call failed then.
        #expect(try run("nanosleep", SyscallArguments(0x1000, 0x2000)).outputs.map(\.isAlways) == [true])
    }
}
