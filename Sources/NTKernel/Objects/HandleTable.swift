// Handles and the tables that hold them.

/// A handle: an index into the handle table of a process or, with the kernel bit, of the System process.
public struct Handle: Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let null = Handle(rawValue: 0)
    /// `NtCurrentProcess()`.
    public static let currentProcess = Handle(rawValue: UInt64.max)
    /// `NtCurrentThread()`.
    public static let currentThread = Handle(rawValue: UInt64.max - 1)

    static let kernelBits: UInt64 = 0xFFFF_FFFF_8000_0000

    /// Valid in kernel mode in any process (`OBJ_KERNEL_HANDLE`).
    public var isKernel: Bool { rawValue & Handle.kernelBits == Handle.kernelBits && rawValue < UInt64.max - 5 }
}

/// `HANDLE_TABLE`: values are multiples of four; freed values are used again.
final class HandleTable {
    struct Entry {
        var object: KernelObject
        var grantedAccess: AccessMask
        var isInherited: Bool
    }

    private let isKernel: Bool
    private var slots: ContiguousArray<Entry?> = []
    private var free: ContiguousArray<Int> = []
    private(set) var count = 0

    init(isKernel: Bool) { self.isKernel = isKernel }

    func insert(_ entry: Entry) -> Handle {
        count += 1
        if let index = free.popLast() {
            slots[index] = entry
            return handle(index)
        }
        slots.append(entry)
        return handle(slots.count - 1)
    }

    /// What ``insert(_:)`` is going to answer.
    var next: Handle { handle(free.last ?? slots.count) }

    @inline(__always)
    func entry(_ handle: Handle) -> Entry? {
        guard let index = index(handle) else { return nil }
        return slots[index]
    }

    /// Takes the object out.
    func remove(_ handle: Handle) -> KernelObject? {
        guard let index = index(handle), let entry = slots[index].take() else { return nil }
        free.append(index)
        count -= 1
        return entry.object
    }

    /// Live entries in order of their values.
    var entries: [(handle: Handle, entry: Entry)] {
        slots.indices.compactMap { index in slots[index].map { (handle(index), $0) } }
    }

    private func handle(_ index: Int) -> Handle {
        let value = UInt64(index + 1) * 4
        return Handle(rawValue: isKernel ? value | Handle.kernelBits : value)
    }

    @inline(__always)
    private func index(_ handle: Handle) -> Int? {
        guard handle.isKernel == isKernel else { return nil }
        // The two low bits are for applications and ignored.
        let value = (handle.rawValue & ~(isKernel ? Handle.kernelBits : 0)) / 4
        guard value >= 1, value <= UInt64(slots.count) else { return nil }
        return Int(value) - 1
    }
}
