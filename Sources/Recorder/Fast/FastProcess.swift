// One program image under the fast tier: its agent, its rewritten sites, its thread table.
import CLinux
import Glibc
import RecorderAgent

/// Shared by the threads of a process (and by a vfork child until its exec). Used by the supervisor's thread only, while
/// the thread that it acts for is parked.
final class FastProcess {
    enum Phase: Equatable {
        /// The image is new: its first call is still to come.
        case fresh
        /// The bootstrap is written at `address`.
        case injecting
        case ready
        /// All calls go the notified way, because of `reason`.
        case off(Way)
    }
    var phase = Phase.fresh
    private(set) var memory: ProcessMemory?
    /// More than one thread runs the image: code is changed by single aligned words only.
    var isShared = false
    /// Thread pointers that more than one task has, with how many; their calls go the notified way.
    var sharedPointers: [UInt64: Int] = [:]

    var sharesUnknownPointer = false

    private var bootstrap: (address: UInt64, original: [UInt8])?
    private var modules: [Module] = []
    private var slotAreas: [SlotArea] = []
    /// Attempts at sites: rewritten, or hopeless.
    private var sites: [UInt64: Site] = [:]

    private struct Module {
        var range: Range<UInt64>
        var offset: UInt64
        var file: FileIdentity?
    }
    private struct SlotArea {
        var start: UInt64
        var next: UInt64
        var end: UInt64 { start + UInt64(AGENT_SLOTS_SIZE) }
    }
    private struct Site {
        var hits: UInt8 = 0
        var isRewritten = false
        var isHopeless = false
    }

    init() {}
    init(off way: Way) { phase = .off(way) }

    /// The copy that a forked child has.
    init(forkOf parent: FastProcess, tid: Int32) {
        phase = parent.phase
        modules = parent.modules
        slotAreas = parent.slotAreas
        sites = parent.sites
        paddings = parent.paddings
        replaced = parent.replaced
        if case .off = phase { return }
        memory = ProcessMemory(tid: tid)
        // Not before the program's first exec, or in the middle of an injection, which is single-threaded.
        if memory == nil, phase == .ready { phase = .off(.memory) }
    }

    func switchOff(_ way: Way) {
        guard phase == .ready else {
            if phase == .fresh { phase = .off(way) }
            return
        }
        phase = .off(way)
        // Threads that the table does not know ask, and are refused.
        memory?.write([UInt8](repeating: 0, count: Int(AGENT_TABLE_SIZE)), at: UInt64(AGENT_TABLE))
        restoreSites()
    }

    // MARK: - Injection

    /// Writes the bootstrap over the code at `address`, the byte after the parked thread's `syscall` instruction.
    ///
    /// - Parameter note: told of the code that will be replaced; false: it must not be.
    /// - Returns: nil when done, or why not.
    func inject(
        tid: Int32,
        at address: UInt64,
        number: UInt32,
        arena: AgentArena,
        addDescriptor: (Int32) -> Int32,
        note: ([UInt8]) -> Bool
    ) -> Way? {
        guard let memory = ProcessMemory(tid: tid), let map = AddressMap(tid: tid) else { return .memory }
        guard let text = map.area(at: address), text.isExecutable, !text.isWritable, text.file != nil,
            address + UInt64(Bootstrap.size) <= text.range.upperBound
        else { return .unusualStart }
        let places: [(Int, Int)] = [
            (Int(AGENT_GATE), arena.imageSize), (Int(AGENT_TABLE), Int(AGENT_TABLE_SIZE + AGENT_CONTROL_SIZE)),
            (Int(AGENT_ARENA), AgentArena.size), (Int(AGENT_THREADS), Int(AGENT_RINGS) * Int(AGENT_BLOCK_STRIDE)),
        ]
        for (start, size) in places where !map.isFree(UInt64(start)..<UInt64(start + size)) { return .addressTaken }
        noteModules(map)
        let areas = slotPlaces(map)
        guard !areas.isEmpty, let original = memory.read(address, Bootstrap.size) else { return .addressTaken }
        let descriptor = addDescriptor(arena.file)
        guard descriptor >= 0 else { return .descriptors }
        let code = Bootstrap(
            number: number,
            imageSize: arena.imageSize,
            descriptor: descriptor,
            rings: UInt64(arena.imageSize),
            slots: areas[0],
            moreSlots: areas.count > 1 ? areas[1] : 0
        ).code
        guard note(original) else { return .refused }
        guard memory.write(code, at: address) else { return .memory }
        self.memory = memory
        bootstrap = (address, original)
        slotAreas = areas.map { SlotArea(start: $0, next: $0) }
        phase = .injecting
        return nil
    }

    /// Whether the address is in the bootstrap.
    func isBootstrap(_ address: UInt64) -> Bool {
        guard let bootstrap else { return false }
        return address > bootstrap.address && address <= bootstrap.address + UInt64(Bootstrap.size)
    }
    func isInjectionPoint(_ address: UInt64) -> Bool { bootstrap?.address == address }

    /// The program's first call is there again: puts its code back.
    func finishInjection(_ known: KnownSites) {
        guard let bootstrap, let memory else { return }
        memory.write(bootstrap.original, at: bootstrap.address)
        self.bootstrap = nil
        let control = UInt64(AGENT_CONTROL)
        guard memory.load(control + 4, as: UInt32.self) == UInt32(AGENT_READY) else {
            phase = .off(.refused)
            return
        }
        phase = .ready
        for module in modules { rewriteKnown(module, known) }
        writeRanges()
    }

    private func noteModules(_ map: AddressMap) {
        modules = map.areas.compactMap { area in
            guard area.isExecutable, !area.isWritable, area.file != nil else { return nil }
            var file = FileIdentity(path: String(area.path))
            if file?.inode != area.file?.inode { file = nil }
            return Module(range: area.range, offset: area.fileOffset, file: file)
        }
    }

    /// One area near the executable and one near its loader, if they are far apart.
    private func slotPlaces(_ map: AddressMap) -> [UInt64] {
        var places: [UInt64] = []
        for module in modules {
            let start = module.range.lowerBound
            if places.contains(where: { SiteRewrite.reaches($0, start) }) { continue }
            let distances: [UInt64] =
                start < 1 << 32 ? [0, 0x80000, 0x100000] : [0x4000_0000, 0x1000_0000, 0x100_0000]
            guard places.count < 2,
                let place = map.free(UInt64(AGENT_SLOTS_SIZE), below: start, distances: distances),
                // The table's place is taken, though not mapped yet.
                place >= UInt64(AGENT_CONTROL + AGENT_CONTROL_SIZE)
            else { continue }
            places.append(place)
        }
        return places
    }

    // MARK: - Sites

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

    private func rewriteKnown(_ module: Module, _ known: KnownSites) {
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

    /// Padding in use, and by which site.
    private var paddings: [UInt64: UInt64] = [:]
    /// Code that was replaced, in order.
    private var replaced: [(address: UInt64, original: [UInt8])] = []

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
    private func restoreSites() {
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

    // MARK: - Mappings

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
    private func writeRanges() {
        guard phase == .ready, let memory else { return }
        var ranges: [Range<UInt64>] = [
            UInt64(AGENT_TABLE)..<UInt64(AGENT_CONTROL + AGENT_CONTROL_SIZE),
            UInt64(AGENT_GATE)..<UInt64(AGENT_THREADS) + UInt64(AGENT_RINGS) * UInt64(AGENT_BLOCK_STRIDE),
        ]
        ranges += slotAreas.map { $0.start..<$0.end }
        // Code of libraries lies close together; gaps between them are few pages of data.
        for module in modules.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if ranges.count == 16, let last = ranges.last {
                ranges[15] =
                    min(
                        last.lowerBound,
                        module.range.lowerBound
                    )..<max(
                        last.upperBound,
                        module.range.upperBound
                    )
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

    // MARK: - Threads

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
