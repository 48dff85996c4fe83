// A descriptor table: numbers to open file descriptions, lowest free number first; shared by CLONE_FILES.
import LinuxABI

final class LxFdTable {
    struct Slot {
        var file: VfsFile
        var closeOnExec: Bool
    }

    /// By number; nil: free.
    private(set) var files: [VfsFile?] = []
    /// FD_CLOEXEC, by number.
    private var closing: [Bool] = []
    /// Threads that use it.
    var users = 1
    /// No free number is below this.
    private var lowestFree = 0

    /// A copy for a new process: shares the descriptions.
    func copy() -> LxFdTable {
        let table = LxFdTable()
        table.files = files
        table.closing = closing
        table.lowestFree = lowestFree
        for case let file? in files { file.references += 1 }
        return table
    }

    subscript(fd: Int) -> Slot? {
        guard fd >= 0, fd < files.count, let file = files[fd] else { return nil }
        return Slot(file: file, closeOnExec: closing[fd])
    }

    /// The lowest free number at or above `minimum`, or EMFILE at `limit`.
    func lowest(from minimum: Int, limit: Int) throws(LxFailure) -> Int {
        var fd = max(minimum, lowestFree)
        while fd < files.count, files[fd] != nil { fd += 1 }
        guard fd < limit else { throw .errno(.EMFILE) }
        return fd
    }

    /// Puts `file` at `fd`; returns what was there, whose reference the caller drops.
    func put(_ file: VfsFile, at fd: Int, closeOnExec: Bool) -> VfsFile? {
        while files.count <= fd {
            files.append(nil)
            closing.append(false)
        }
        file.references += 1
        let previous = files[fd]
        files[fd] = file
        closing[fd] = closeOnExec
        if fd == lowestFree { lowestFree = fd + 1 }
        return previous
    }

    /// Empties `fd`; the caller drops the reference.
    func take(_ fd: Int) -> VfsFile? {
        guard fd >= 0, fd < files.count, let file = files[fd] else { return nil }
        files[fd] = nil
        if fd < lowestFree { lowestFree = fd }
        return file
    }

    /// Nobody uses it any more; all is closed.
    func clear() {
        files = []
        closing = []
    }

    func setCloseOnExec(_ fd: Int, _ value: Bool) {
        if fd >= 0, fd < files.count, files[fd] != nil { closing[fd] = value }
    }

    /// Open numbers in order.
    var open: [Int] { files.indices.filter { files[$0] != nil } }
}
