// Where code lies in a process, and which ranges the agent leaves to the supervisor.
import RecorderAgent

extension FastProcess {
    /// Executable code of a file was mapped.
    func mapped(_ range: Range<UInt64>, offset: UInt64, file: FileIdentity?, _ known: KnownSites) {
        unmapped(range)
        let module = Module(range: range, offset: offset, file: file)
        modules.append(module)
        rewriteKnown(module, known)
        writeRanges()
    }

    /// Mappings are replaced or gone: what was known of code there holds no more.
    func unmapped(_ range: Range<UInt64>) {
        guard modules.contains(where: { $0.range.overlaps(range) }) else { return }
        modules = modules.flatMap { module -> [Module] in
            guard module.range.overlaps(range) else { return [module] }
            var rest: [Module] = []
            if module.range.lowerBound < range.lowerBound {
                rest.append(
                    Module(
                        range: module.range.lowerBound..<range.lowerBound,
                        offset: module.offset,
                        file: module.file
                    )
                )
            }
            if module.range.upperBound > range.upperBound {
                rest.append(
                    Module(
                        range: range.upperBound..<module.range.upperBound,
                        offset: module.offset + (range.upperBound - module.range.lowerBound),
                        file: module.file
                    )
                )
            }
            return rest
        }
        sites = sites.filter { !range.contains($0.key) }
        paddings = paddings.filter { !range.contains($0.key) }
        replaced.removeAll { range.contains($0.address) }
        writeRanges()
    }

    /// Tells the agent which ranges are the supervisor's business.
    func writeRanges() {
        guard phase == .ready, let memory else { return }
        var ranges: [Range<UInt64>] = [
            UInt64(AGENT_TABLE)..<UInt64(AGENT_CONTROL + AGENT_CONTROL_SIZE),
            UInt64(AGENT_GATE)..<UInt64(AGENT_THREADS) + UInt64(AGENT_RINGS) * UInt64(AGENT_BLOCK_STRIDE),
        ]
        ranges += slotAreas.map { $0.start..<$0.end }
        // Code of libraries lies close together; gaps between them are few pages of data.
        for module in modules.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if ranges.count == 16, let last = ranges.last {
                let start = min(last.lowerBound, module.range.lowerBound)
                ranges[15] = start..<max(last.upperBound, module.range.upperBound)
            } else {
                ranges.append(module.range)
            }
        }
        var words: [UInt64] = []
        for range in ranges { words += [range.lowerBound, range.upperBound] }
        let bytes = words.withUnsafeBytes { Array($0) }
        memory.store(UInt32(0), at: UInt64(AGENT_CONTROL))
        memory.write(bytes, at: UInt64(AGENT_CONTROL) + 8)
        memory.store(UInt32(ranges.count), at: UInt64(AGENT_CONTROL))
    }
}
