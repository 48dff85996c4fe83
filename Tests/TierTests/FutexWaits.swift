// Whether the words of futexes are in a log as they were when the waits began.
import LinuxABI
import TraceLog

/// Waits that the kernel began: the word then was the expected one. Another thread may change it between its capture and
/// the kernel's look, which is rare; captured after the wait, it nearly always is what ended the wait.
struct FutexWaits {
    private(set) var all = 0
    private(set) var wrong = 0
    private static let number = UInt32(ABI.call(named: "futex")?.numbers.x86_64 ?? -1)
    private static let commands = [ABI.constant("FUTEX_WAIT"), ABI.constant("FUTEX_WAIT_BITSET")]
    private static let flags = ABI.constant("FUTEX_PRIVATE_FLAG") | ABI.constant("FUTEX_CLOCK_REALTIME")

    mutating func add(_ batch: EventBatch, _ reader: TraceReader) {
        for i in 0..<batch.count where batch.numbers[i] == Self.number && batch.results[i] == 0 {
            guard CallFlags(rawValue: batch.flags[i]).isDisjoint(with: .withoutResult),
                batch.architectures[i] == Architecture.x86_64.rawValue,
                Self.commands.contains(batch.argument(1, of: i) & ~Self.flags)
            else { continue }
            let first = Int(batch.firstChunks[i])
            for chunk in first..<(first + Int(batch.chunkCounts[i]))
            where batch.chunkAddresses[chunk] == batch.argument(0, of: i) && batch.chunkLengths[chunk] == 4 {
                all += 1
                let word = reader.withPayload(batch.chunkPayloads[chunk]) { $0.loadUnaligned(as: UInt32.self) }
                if word != UInt32(truncatingIfNeeded: batch.argument(2, of: i)) { wrong += 1 }
            }
        }
    }
}
