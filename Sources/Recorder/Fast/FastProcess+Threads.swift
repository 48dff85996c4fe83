// The agent's thread table in a process: which block belongs to which thread pointer.
import RecorderAgent

extension FastProcess {
    /// Prepares the block that goes with a ring.
    func prepareBlock(_ index: Int32, alternate: Range<UInt64>) -> Bool {
        guard let memory else { return false }
        let block = AgentArena.address(ofBlock: index)
        var thread = agent_thread()
        thread.ring = AgentArena.address(ofRing: index)
        thread.alternate_start = alternate.lowerBound
        thread.alternate_end = alternate.upperBound
        return memory.store(thread, at: block)
    }

    func setAlternateStack(_ range: Range<UInt64>, block index: Int32) {
        let thread = AgentArena.address(ofBlock: index)
        memory?.store(range.lowerBound, at: thread + 8)
        memory?.store(range.upperBound, at: thread + 16)
    }

    private func pair(_ pointer: UInt64) -> UInt64 {
        UInt64(AGENT_TABLE) + UInt64(agent_table_index(pointer) & ~1) * 16
    }

    /// Notes which block a thread pointer has; false if there is no room.
    func enter(_ pointer: UInt64, block: UInt64, isGone: (UInt64) -> Bool) -> Bool {
        guard let memory else { return false }
        let place = pair(pointer)
        var entries: [(pointer: UInt64, block: UInt64)] = []
        for index in UInt64(0)..<2 {
            guard let known = memory.load(place + index * 16, as: UInt64.self),
                let owner = memory.load(place + index * 16 + 8, as: UInt64.self)
            else { return false }
            entries.append((known, owner))
        }
        let index =
            entries.firstIndex { $0.block != 0 && $0.pointer == pointer } ?? entries.firstIndex { $0.block == 0 }
            ?? entries.firstIndex { $0.block == block || isGone($0.block) }
        guard let index else { return false }
        let words = [pointer, block].withUnsafeBytes { Array($0) }
        return memory.write(words, at: place + UInt64(index) * 16)
    }

    /// A thread pointer gets a new owner, or more than one.
    func forget(_ pointer: UInt64) {
        guard let memory else { return }
        for index in UInt64(0)..<2 {
            let entry = pair(pointer) + index * 16
            if memory.load(entry, as: UInt64.self) == pointer, memory.load(entry + 8, as: UInt64.self) != 0 {
                memory.write([UInt8](repeating: 0, count: 16), at: entry)
            }
        }
    }
}
