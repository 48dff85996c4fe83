// Notes the metadata of each path at its first touch, before the call that touches it runs.
import CLinux
import Glibc

/// Walks the paths of calls component by component, as the kernel will, and queues a record for each new one.
///
/// Paths are named as the recorder (or, with `record --oci`, the container's first process) sees them. A task in another
/// mount namespace sees other files under a name: those of its files that are the same file here are noted, others are
/// counted.
struct PathNotes: ~Copyable {
    private var walker = PathWalker()
    private let reference: PathView.Reference
    /// A task may have left the reference root: look.
    private var rootsDiffer = false
    private(set) var foreignPaths: UInt64 = 0

    /// Working directories and directory fds, by slot; valid while `epoch` stands.
    private let directories: DirectoryCache

    init(referencePid: Int32?, seesAllCalls: Bool = true) {
        reference = PathView.Reference(pid: referencePid)
        directories = DirectoryCache(slots: Tracepoints.slots, seesAllCalls: seesAllCalls)
    }

    deinit { directories.free() }

    /// A call that may change roots or directories enters; `finished` when its thread shows up again.
    mutating func directoriesMayMove(slot: Int, changesRoot: Bool) {
        if changesRoot { rootsDiffer = true }
        directories.mutationBegins(slot)
    }
    func directoriesMayHaveMoved(slot: Int) { directories.mutationEnds(slot) }

    // MARK: - One path

    /// - Parameters:
    ///   - directory: the directory fd that `path` is relative to; AT_FDCWD is the working directory.
    ///   - heads: the file is to be executed.
    mutating func note(
        _ path: UnsafeRawBufferPointer,
        tid: Int32,
        slot: Int,
        directory: Int32,
        heads: Bool,
        writer: inout QueueWriter
    ) {
        guard path.count > 0, path.count < 4096 else { return }
        let view = rootsDiffer ? reference.view(of: tid) : reference.view
        let owner = PathOwner(tid: tid, root: view.root)
        var visitor = EntryVisitor(reference: reference, view: view, owner: owner, writer: writer)
        defer {
            writer = visitor.writer
            foreignPaths += visitor.foreignPaths
        }
        if path[0] == UInt8(ascii: "/") {
            walker.restart(at: view.root)
        } else {
            guard let base = directories.path(tid: tid, slot: slot, fd: directory), base.count < 4096,
                base.first == UInt8(ascii: "/")
            else { return }
            // A canonical directory: note it (once), then go on from there.
            walker.restart(at: base)
            if base.count == 1 || walker.find(walker.hash) == nil {
                walker.restart(at: [])
                walker.setText(UnsafeRawBufferPointer(base))
                _ = walker.walk(&visitor, as: owner)
                walker.restart(at: base)
            }
        }
        walker.setText(path)
        visitor.heads = heads
        _ = walker.walk(&visitor, as: owner)
    }

    // MARK: - Interpreters

    /// Notes the interpreter that an executable asks for, by its `#!` line or its PT_INTERP. Call after `note` with heads.
    mutating func noteInterpreter(tid: Int32, slot: Int, writer: inout QueueWriter) {
        var isELF = false
        for _ in 0..<4 {
            // The walk ended at the file, links resolved.
            let view = rootsDiffer ? reference.view(of: tid) : reference.view
            guard !walker.path.isEmpty, let interpreter = Interpreter.of(walker.fullPath(view.prefix)) else { return }
            interpreter.path.withUnsafeBytes {
                note($0, tid: tid, slot: slot, directory: AT_FDCWD, heads: true, writer: &writer)
            }
            // The loader has no interpreter of its own.
            isELF = interpreter.isLoader
            if isELF { return }
        }
    }
}

/// Looks at each new component with lstat, and queues what it finds.
private struct EntryVisitor: PathVisitor {
    let reference: PathView.Reference
    let view: PathView
    let owner: PathOwner
    var writer: QueueWriter
    /// The first bytes of the file at the end are wanted.
    var heads = false
    var foreignPaths: UInt64 = 0

    mutating func visit(
        _ walker: inout PathWalker,
        _ known: PathSet.Entry?,
        _ position: PathPosition
    ) -> PathSet.Entry? {
        let wantsHead = heads && position.isLast
        if let known, !wantsHead || known.hasHead || known.kind != .other { return known }
        return look(&walker, wantsHead: wantsHead)
    }

    private mutating func look(_ walker: inout PathWalker, wantsHead: Bool) -> PathSet.Entry? {
        var status = stat()
        let code = lstat(walker.fullPath(view.prefix), &status) == 0 ? 0 : errno
        if view.isForeign {
            var other = stat()
            let otherCode = lstat(walker.fullPath(reference.prefix), &other) == 0 ? 0 : errno
            guard code == otherCode, code != 0 || (status.st_dev == other.st_dev && status.st_ino == other.st_ino)
            else {
                foreignPaths += 1
                return nil
            }
        }
        let kind = code == 0 ? PathKind(mode: status.st_mode) : .absent
        let target = kind == .link ? walker.selfLink(owner) ?? walker.readTarget(view.prefix) : []
        let hasHead = wantsHead && kind == .other
        queue(status, absent: code, walker, target, hasHead: hasHead)
        return walker.remember(kind, target: target, hasHead: hasHead)
    }

    private mutating func queue(
        _ status: stat,
        absent: Int32,
        _ walker: borrowing PathWalker,
        _ target: [UInt8],
        hasHead: Bool
    ) {
        let header = MemoryLayout<QueuePath>.size
        let path = walker.spelled
        let body = writer.reserve(.path, header + path.count + target.count + 256)
        let bytes = (body + header).assumingMemoryBound(to: UInt8.self)
        for (index, byte) in path.enumerated() { bytes[index] = byte }
        for (index, byte) in target.enumerated() { bytes[path.count + index] = byte }
        var headCount = 0
        if hasHead {
            let fd = open(walker.fullPath(view.prefix), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            if fd >= 0 {
                headCount = max(0, read(fd, bytes + path.count + target.count, 256))
                close(fd)
            }
        }
        body.storeBytes(
            of: QueuePath(
                status: status,
                absent: absent,
                pathCount: UInt16(path.count),
                linkCount: UInt16(target.count),
                headCount: UInt16(headCount)
            ),
            as: QueuePath.self
        )
        writer.shrink(body, to: header + path.count + target.count + headCount)
    }
}
