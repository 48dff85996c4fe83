// A descriptor table: numbers to open file descriptions, lowest free number first; shared by CLONE_FILES.
import LinuxABI

final class LxFdTable {
    struct Slot {
        var file: VfsFile
        var closeOnExec: Bool
    }

    private(set) var slots: [Slot?]
    /// Threads that use it.
    var users = 1
    /// No free number is below this.
    private var lowestFree = 0

    init(slots: [Slot?] = []) {
        self.slots = slots
        for case let slot? in slots { slot.file.references += 1 }
    }

    /// A copy for a new process: shares the descriptions.
    func copy() -> LxFdTable {
        let table = LxFdTable(slots: slots)
        table.lowestFree = lowestFree
        return table
    }

    subscript(fd: Int) -> Slot? { fd >= 0 && fd < slots.count ? slots[fd] : nil }

    /// The lowest free number at or above `minimum`, or EMFILE at `limit`.
    func lowest(from minimum: Int, limit: Int) throws(LxFailure) -> Int {
        var fd = max(minimum, lowestFree)
        while fd < slots.count, slots[fd] != nil { fd += 1 }
        guard fd < limit else { throw .errno(.EMFILE) }
        return fd
    }

    /// Puts `file` at `fd`; returns what was there, whose reference the caller drops.
    func put(_ file: VfsFile, at fd: Int, closeOnExec: Bool) -> VfsFile? {
        while slots.count <= fd { slots.append(nil) }
        let previous = slots[fd]?.file
        file.references += 1
        slots[fd] = Slot(file: file, closeOnExec: closeOnExec)
        if fd == lowestFree { lowestFree = fd + 1 }
        return previous
    }

    /// Empties `fd`; the caller drops the reference.
    func take(_ fd: Int) -> VfsFile? {
        guard let slot = self[fd] else { return nil }
        slots[fd] = nil
        if fd < lowestFree { lowestFree = fd }
        return slot.file
    }

    /// Nobody uses it any more; all is closed.
    func clear() { slots = [] }

    func setCloseOnExec(_ fd: Int, _ value: Bool) { slots[fd]?.closeOnExec = value }

    /// Open numbers in order.
    var open: [Int] { slots.indices.filter { slots[$0] != nil } }
}
