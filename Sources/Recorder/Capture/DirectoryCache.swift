// Working directories and directory fds of tasks, read from /proc and kept while nothing can have moved them.
import Glibc

/// A cache of one working directory and one directory fd for each slot.
///
/// Calls that may move one (close, dup2, chdir, rename, …) empty the whole cache, when they enter and when their thread
/// shows up again; while one is under way nothing is cached.
final class DirectoryCache {
    private struct Line {
        var epoch: UInt64 = 0
        var fd: Int32 = 0
        var count: Int32 = 0
    }

    private static let bytes = 4096
    private let lines: UnsafeMutablePointer<Line>
    private let texts: UnsafeMutableRawPointer
    private let textBytes: Int
    private let mutating: UnsafeMutablePointer<Bool>
    private var mutations = 0
    private var epoch: UInt64 = 1
    private let name: UnsafeMutablePointer<CChar>
    private let uncached: UnsafeMutablePointer<UInt8>

    /// - Parameter seesAllCalls: false: calls that move directories may go unseen, so nothing is kept.
    init(slots: Int, seesAllCalls: Bool) {
        if !seesAllCalls { mutations = 1 }
        lines = .allocate(capacity: slots * 2)
        lines.initialize(repeating: Line(), count: slots * 2)
        textBytes = slots * 2 * DirectoryCache.bytes
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        // Only touched pages cost memory.
        texts = mmap(nil, textBytes, PROT_READ | PROT_WRITE, flags, -1, 0)
        mutating = .allocate(capacity: slots)
        mutating.initialize(repeating: false, count: slots)
        name = .allocate(capacity: 64)
        uncached = .allocate(capacity: DirectoryCache.bytes)
    }

    func free() {
        lines.deallocate()
        munmap(texts, textBytes)
        mutating.deallocate()
        name.deallocate()
        uncached.deallocate()
    }

    func mutationBegins(_ slot: Int) {
        epoch += 1
        guard !mutating[slot] else { return }
        mutating[slot] = true
        mutations += 1
    }

    func mutationEnds(_ slot: Int) {
        guard mutating[slot] else { return }
        mutating[slot] = false
        mutations -= 1
        epoch += 1
    }

    /// The absolute path of the directory; nil if it cannot be told. Valid until the next call.
    func path(tid: Int32, slot: Int, fd: Int32) -> UnsafeBufferPointer<UInt8>? {
        let index = slot * 2 + (fd == AT_FDCWD ? 0 : 1)
        let text = (texts + index * DirectoryCache.bytes).assumingMemoryBound(to: UInt8.self)
        if lines[index].epoch == epoch, lines[index].fd == fd, mutations == 0 {
            return UnsafeBufferPointer(start: text, count: Int(lines[index].count))
        }
        let target = mutations == 0 ? text : uncached
        DirectoryCache.spell(tid, fd, into: name)
        let count = target.withMemoryRebound(to: CChar.self, capacity: DirectoryCache.bytes) {
            readlink(name, $0, DirectoryCache.bytes)
        }
        guard count > 0 else { return nil }
        if mutations == 0 { lines[index] = Line(epoch: epoch, fd: fd, count: Int32(count)) }
        return UnsafeBufferPointer(start: target, count: count)
    }

    /// `/proc/TID/cwd` or `/proc/TID/fd/N`.
    static func spell(_ tid: Int32, _ fd: Int32, into name: UnsafeMutablePointer<CChar>) {
        var count = 0
        func add(_ text: StaticString) {
            for index in 0..<text.utf8CodeUnitCount {
                name[count] = CChar(bitPattern: text.utf8Start[index])
                count += 1
            }
        }
        func add(_ number: Int32) {
            var divisor: Int32 = 1
            while number / divisor >= 10 { divisor *= 10 }
            while divisor > 0 {
                name[count] = CChar(48 + number / divisor % 10)
                count += 1
                divisor /= 10
            }
        }
        add("/proc/")
        add(tid)
        if fd == AT_FDCWD {
            add("/cwd")
        } else {
            add("/fd/")
            add(max(fd, 0))
        }
        name[count] = 0
    }
}
