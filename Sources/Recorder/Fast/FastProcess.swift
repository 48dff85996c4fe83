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

    /// Padding in use, and by which site.
    var paddings: [UInt64: UInt64] = [:]
    /// Code that was replaced, in order.
    var replaced: [(address: UInt64, original: [UInt8])] = []

    private var bootstrap: (address: UInt64, original: [UInt8])?
    var modules: [Module] = []
    var slotAreas: [SlotArea] = []
    /// Attempts at sites: rewritten, or hopeless.
    var sites: [UInt64: Site] = [:]

    struct Module {
        var range: Range<UInt64>
        var offset: UInt64
        var file: FileIdentity?
    }
    struct SlotArea {
        var start: UInt64
        var next: UInt64
        var end: UInt64 { start + UInt64(AGENT_SLOTS_SIZE) }
    }
    struct Site {
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
}
