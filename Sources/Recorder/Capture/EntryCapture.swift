// Runs at a call's entry, while its thread is parked: input memory goes to the queue, output memory into the exit plan.
import CLinux
import CXXHash
import Glibc
import LinuxABI
import TraceLog

/// The capture target of the recorder. Allocates nothing: bytes are read from the tracee right into the queue.
struct EntryCapture: CaptureTarget {
    /// No call gives more than this many bytes of input, whatever the payload policy.
    static let inputLimit = 16 << 20
    /// Structures and strings are kept whole up to this.
    private static let structureLimit = 1 << 20

    var writer: QueueWriter
    /// Bytes kept of each payload buffer.
    let payloadLimit: Int
    private(set) var flags = CallFlags()
    private var tid: Int32 = 0
    private var owner: UInt32 = 0
    private var inputLeft = 0
    private let scratch: UnsafeMutableRawPointer
    private static let scratchSize = 1 << 16
    private let hashing: OpaquePointer

    // The strings of this call, for the paths among them.
    private(set) var stringCount = 0
    private var strings: [8 of CapturedString] = .init(repeating: CapturedString())

    /// Where the exit plan goes.
    private let regions: UnsafeMutablePointer<clinux_region>
    private(set) var regionCount = 0
    /// Bytes of the kernel's ring that the plan may fill.
    private(set) var ringBytes = 0
    /// The plan had no room for everything.
    private(set) var planOverflow = false

    struct CapturedString {
        var address: UInt64 = 0
        var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    init?(writer: QueueWriter, payloadLimit: Int?) {
        guard let state = XXH3_createState() else { return nil }
        hashing = state
        self.writer = writer
        self.payloadLimit = payloadLimit ?? Int.max
        scratch = UnsafeMutableRawPointer.allocate(byteCount: EntryCapture.scratchSize, alignment: 4096)
        regions = UnsafeMutablePointer<clinux_region>.allocate(capacity: Int(CLINUX_PLAN_REGIONS))
    }

    func free() {
        XXH3_freeState(hashing)
        scratch.deallocate()
        regions.deallocate()
    }

    mutating func begin(tid: Int32) {
        self.tid = tid
        flags = []
        owner = 0
        inputLeft = EntryCapture.inputLimit
        stringCount = 0
        regionCount = 0
        ringBytes = 0
        planOverflow = false
    }

    mutating func mark(_ flag: CallFlags) { flags.insert(flag) }

    /// Hands the plan to the kernel's side (which runs when the call returns).
    func writePlan(_ plan: UnsafeMutablePointer<clinux_plan>, sequence: UInt64, dropOutput: Bool) {
        plan.pointee.sequence = sequence
        plan.pointee.count = dropOutput ? 0 : UInt32(regionCount)
        plan.pointee.next = 0
        if !dropOutput, regionCount > 0 {
            UnsafeMutableRawPointer(plan).advanced(by: 64).copyMemory(
                from: regions,
                byteCount: regionCount * MemoryLayout<clinux_region>.stride
            )
        }
        clinux_store_release32(&plan.pointee.armed, 1)
    }

    /// The plan's regions, for a supervisor that carries it out itself.
    var plannedRegions: UnsafeBufferPointer<clinux_region> { .init(start: regions, count: regionCount) }

    func string(at address: UInt64) -> UnsafeRawBufferPointer? {
        for index in 0..<stringCount where strings[index].address == address { return strings[index].bytes }
        return nil
    }

    // MARK: - Input

    /// Reads memory of the call's thread; the count that could be read.
    func read(_ address: UInt64, _ count: Int, into target: UnsafeMutableRawPointer) -> Int {
        EntryCapture.read(tid, address, count, into: target)
    }

    static func read(_ tid: Int32, _ address: UInt64, _ count: Int, into target: UnsafeMutableRawPointer) -> Int {
        var local = iovec(iov_base: target, iov_len: count)
        var remote = iovec(iov_base: UnsafeMutableRawPointer(bitPattern: UInt(address)), iov_len: count)
        return max(0, clinux_read_memory(tid, &local, 1, &remote, 1))
    }

    mutating func input(_ address: UInt64, length: Int, isPayload: Bool) -> UnsafeRawBufferPointer {
        owner += 1
        let wanted = min(length, isPayload ? payloadLimit : EntryCapture.structureLimit, inputLeft)
        let header = MemoryLayout<QueueMemory>.size
        let body = writer.reserve(.input, header + wanted)
        let count = wanted > 0 ? read(address, wanted, into: body + header) : 0
        if count < wanted {
            flags.insert(.inputFault)
            if count == 0 {
                writer.shrink(body, to: header)
                put(body, address, length: 0, count: 0, hash: XXH128_hash_t())
                return UnsafeRawBufferPointer(start: nil, count: 0)
            }
            writer.shrink(body, to: header + count)
        }
        inputLeft -= count
        let isCut = count == wanted && count < length
        let full = isCut ? hash(body + header, count, rest: address &+ UInt64(count), length - count) : nil
        put(body, address, length: isCut ? length : count, count: count, hash: full ?? XXH128_hash_t())
        return UnsafeRawBufferPointer(start: body + header, count: count)
    }

    mutating func inputString(_ address: UInt64, limit: Int) {
        owner += 1
        let header = MemoryLayout<QueueMemory>.size
        var capacity = min(limit, 4096)
        var body = writer.reserve(.input, header + capacity)
        var count = 0
        var isEnded = false
        while count < capacity, !isEnded {
            // A page at a time, and little of the first: most strings are short, and the next page may not exist.
            let position = address &+ UInt64(count)
            let room = Int(4096 - position % 4096)
            let step = min(count == 0 ? min(room, 192) : room, capacity - count)
            let got = read(position, step, into: body + header + count)
            if let end = memchr(body + header + count, 0, got) {
                count = end - UnsafeMutableRawPointer(body + header) + 1
                isEnded = true
            } else {
                count += got
                if got < step {
                    flags.insert(.inputFault)
                    break
                }
                if count == capacity, capacity < limit {
                    // A very long string: begin again with room for all of it.
                    writer.shrink(body, to: header)
                    put(body, address, length: 0, count: 0, hash: XXH128_hash_t())
                    capacity = limit
                    body = writer.reserve(.input, header + capacity)
                    count = 0
                }
            }
        }
        writer.shrink(body, to: header + count)
        put(body, address, length: count, count: count, hash: XXH128_hash_t())
        if stringCount < 8 {
            strings[stringCount] = CapturedString(
                address: address,
                bytes: UnsafeRawBufferPointer(start: body + header, count: isEnded ? count - 1 : count)
            )
            stringCount += 1
        }
    }

    private func put(
        _ body: UnsafeMutableRawPointer,
        _ address: UInt64,
        length: Int,
        count: Int,
        hash: XXH128_hash_t
    ) {
        body.storeBytes(
            of: QueueMemory(
                tid: tid,
                owner: owner,
                address: address,
                sequence: 0,
                length: UInt64(length),
                hashLow: hash.low64,
                hashHigh: hash.high64,
                count: UInt32(count),
                isFault: count == 0 && length == 0 ? 1 : 0
            ),
            as: QueueMemory.self
        )
    }

    /// XXH3-128 of a buffer of which only the beginning was kept; nil if the rest cannot be read.
    private func hash(
        _ kept: UnsafeMutableRawPointer,
        _ count: Int,
        rest: UInt64,
        _ length: Int
    ) -> XXH128_hash_t? {
        XXH3_128bits_reset(hashing)
        XXH3_128bits_update(hashing, kept, count)
        var done = 0
        while done < length {
            let step = min(EntryCapture.scratchSize, length - done)
            guard read(rest &+ UInt64(done), step, into: scratch) == step else { return nil }
            XXH3_128bits_update(hashing, scratch, step)
            done += step
        }
        return XXH3_128bits_digest(hashing)
    }

    // MARK: - Output

    mutating func output(_ item: ExitItem) {
        owner += 1
        let limit = Int(min(item.limit, UInt64(Int32.max)))
        let keep = min(limit, item.isPayload ? payloadLimit : EntryCapture.structureLimit)
        var offset = 0
        while offset < keep {
            let size = min(Int(CLINUX_REGION_BYTES), keep - offset)
            add(item, at: offset, size: size, keep: size)
            offset += size
        }
        // What is not kept still has a length.
        if limit > keep { add(item, at: keep, size: limit - keep, keep: 0) }
    }

    private mutating func add(_ item: ExitItem, at offset: Int, size: Int, keep: Int) {
        guard regionCount < Int(CLINUX_PLAN_REGIONS) else {
            planOverflow = true
            return
        }
        var region = clinux_region()
        region.address = item.address &+ UInt64(offset)
        region.maximum = UInt32(size)
        region.keep = UInt16(keep)
        region.always = item.isAlways ? 1 : 0
        region.owner = owner
        if item.kind == .fixed {
            region.bias = Int32(size)
        } else {
            let skipped = Int64(clamping: item.skip) + Int64(offset)
            region.bias = Int32(clamping: Int64(clamping: item.extra) - skipped)
            region.scale = UInt8(clamping: item.scale)
            if item.kind == .pointee { region.source = item.lengthAddress }
        }
        regions[regionCount] = region
        regionCount += 1
        let small = Int(CLINUX_SMALL_BYTES)
        ringBytes += (keep <= small ? small : Int(CLINUX_REGION_BYTES)) + MemoryLayout<clinux_event>.size + 8
    }
}
