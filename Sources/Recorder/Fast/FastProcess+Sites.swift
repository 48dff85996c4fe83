// Call sites of a process: met, rewritten, and put back.
import RecorderAgent

extension FastProcess {
    func isSlot(_ address: UInt64) -> Bool { slotAreas.contains { address >= $0.start && address < $0.end } }

    /// A notified call came from `site`; rewrites it at the second time. The way it counts as.
    func arrived(at site: UInt64, number: UInt32, _ known: KnownSites) -> Way {
        var entry = sites[site, default: Site()]
        defer { sites[site] = entry }
        if entry.isHopeless { return .siteNotRewritten }
        if entry.isRewritten {
            // A fork saw an earlier state of the code, or the code was mapped anew, or it jumps right to the instruction.
            entry.isHopeless = entry.hits > 200
            entry.isRewritten = false
        }
        entry.hits = min(entry.hits + 1, 255)
        guard entry.hits >= 2 else { return .coldSite }
        guard let module = modules.first(where: { $0.range.contains(site) }), let memory else {
            entry.isHopeless = module(at: site) == nil && entry.hits > 8
            return .codeWithoutFile
        }
        let before = min(site - module.range.lowerBound, UInt64(SiteRewrite.before))
        let after = min(module.range.upperBound - site, UInt64(SiteRewrite.after))
        guard let code = memory.read(site - before, Int(before + after)),
            let rewrite = SiteRewrite(
                code,
                site: Int(before),
                address: site,
                number: number,
                isShared: isShared
            )
        else {
            entry.isHopeless = true
            return .siteNotRewritten
        }
        entry.isRewritten = apply([(site, rewrite)])
        entry.isHopeless = !entry.isRewritten
        if entry.isRewritten, let file = module.file {
            known.learn(rewrite, at: site - module.range.lowerBound + module.offset, in: file)
        }
        return entry.isRewritten ? .coldSite : .siteNotRewritten
    }

    private func module(at address: UInt64) -> Module? { modules.first { $0.range.contains(address) } }

    func rewriteKnown(_ module: Module, _ known: KnownSites) {
        guard let file = module.file else { return }
        let end = module.offset + (module.range.upperBound - module.range.lowerBound)
        let list = known.sites(of: file).compactMap { offset, rewrite -> (UInt64, SiteRewrite)? in
            guard offset >= module.offset, offset < end else { return nil }
            return (module.range.lowerBound + offset - module.offset, rewrite)
        }
        guard !list.isEmpty, apply(list) else { return }
        for (site, _) in list { sites[site] = Site(hits: 2, isRewritten: true) }
    }

    /// The last moment with a single thread: later, code can be changed only where a word takes it.
    func becomeShared(_ known: KnownSites) {
        guard !isShared else { return }
        if phase == .ready {
            for module in modules { rewriteAll(module, known) }
        }
        isShared = true
    }

    private func rewriteAll(_ module: Module, _ known: KnownSites) {
        let size = module.range.upperBound - module.range.lowerBound
        guard let file = module.file, let memory, size < 64 << 20 else { return }
        let all = known.allSites(of: file, offset: module.offset) {
            memory.read(module.range.lowerBound, Int(size)).map { ($0, module.range.lowerBound) }
        }
        let list = all.compactMap { offset, rewrite -> (UInt64, SiteRewrite)? in
            let site = module.range.lowerBound &+ offset &- module.offset
            return module.range.contains(site) && sites[site]?.isRewritten != true ? (site, rewrite) : nil
        }
        guard !list.isEmpty, apply(list) else { return }
        for (site, _) in list { sites[site] = Site(hits: 2, isRewritten: true) }
    }

    /// Fills slots, then rewrites the sites; false if nothing could be done.
    private func apply(_ wanted: [(site: UInt64, rewrite: SiteRewrite)]) -> Bool {
        // What one site learned may be the padding that another has.
        let list = wanted.filter { site, rewrite in
            guard let padding = rewrite.padding(of: site) else { return true }
            if let owner = paddings[padding], owner != site { return false }
            paddings[padding] = site
            return true
        }
        guard let memory, let first = list.first else { return false }
        let size = UInt64(list.count * SiteRewrite.slotSize)
        guard
            let index = slotAreas.firstIndex(where: {
                SiteRewrite.reaches($0.start, first.site) && $0.next + size <= $0.end
            })
        else { return false }
        var slot = slotAreas[index].next
        var code: [UInt8] = []
        var writes: [(address: UInt64, bytes: [UInt8])] = []
        for (site, rewrite) in list {
            code += rewrite.slot(at: slot, site: site, gate: UInt64(AGENT_GATE))
            writes += rewrite.writes(slot: slot, site: site)
            slot += UInt64(SiteRewrite.slotSize)
        }
        guard memory.write(code, at: slotAreas[index].next) else { return false }
        slotAreas[index].next = slot
        for write in writes {
            if isShared, isWord(write) {
                guard storeWord(write) else { return false }
            } else {
                let count = write.bytes.count
                guard let original = memory.read(write.address, count), memory.write(write.bytes, at: write.address)
                else { return false }
                replaced.append((write.address, original))
            }
        }
        return true
    }

    private func isWord(_ write: (address: UInt64, bytes: [UInt8])) -> Bool {
        write.address & 7 + UInt64(write.bytes.count) <= 8
    }

    /// Changes code that other threads may be running: one aligned word at a time.
    private func storeWord(_ write: (address: UInt64, bytes: [UInt8])) -> Bool {
        let start = write.address & ~7
        guard let memory, var word = memory.read(start, 8) else { return false }
        let offset = Int(write.address - start)
        replaced.append((write.address, Array(word[offset..<offset + write.bytes.count])))
        word.replaceSubrange(offset..<offset + write.bytes.count, with: write.bytes)
        return memory.write(word, at: start)
    }

    /// Puts the program's own code back, the last first.
    func restoreSites() {
        for (address, original) in replaced.reversed() {
            if isShared, isWord((address, original)) {
                let start = address & ~7
                guard var word = memory?.read(start, 8) else { continue }
                let offset = Int(address - start)
                word.replaceSubrange(offset..<offset + original.count, with: original)
                memory?.write(word, at: start)
            } else {
                memory?.write(original, at: address)
            }
        }
        replaced = []
        sites = [:]
        paddings = [:]
    }
}
