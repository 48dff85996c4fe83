// inotify: watches on inodes and the queue of events (UT:inotify.c).
import Engine
import LinuxABI

/// One watch; the inode lists it too.
final class LxpInotifyWatch {
    let descriptor: Int32
    weak var file: LxInotifyFile?
    weak var inode: VfsInode?
    var mask: UInt32

    init(descriptor: Int32, file: LxInotifyFile, inode: VfsInode, mask: UInt32) {
        self.descriptor = descriptor
        self.file = file
        self.inode = inode
        self.mask = mask
    }
}

final class LxInotifyFile: VfsFile {
    private struct Event: Equatable {
        var watch: Int32
        var mask: UInt32
        var cookie: UInt32
        var name: String
    }

    private var watches: [Int32: LxpInotifyWatch] = [:]
    private var nextDescriptor: Int32 = 1
    private var queue: [Event] = []
    private var arrivals: UInt64 = 0

    static let unmount = abi32("IN_UNMOUNT")
    private static let ignored = abi32("IN_IGNORED")
    private static let oneShot = abi32("IN_ONESHOT")
    static let isDirectory = abi32("IN_ISDIR")

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { "anon_inode:inotify" }
    override var inputArrivals: UInt64 { arrivals }

    func watch(_ inode: VfsInode, mask: UInt32, adds: Bool) -> Int32 {
        if let known = inode.watches.first(where: { $0.file === self }) {
            known.mask = adds ? known.mask | mask : mask
            return known.descriptor
        }
        let watch = LxpInotifyWatch(descriptor: nextDescriptor, file: self, inode: inode, mask: mask)
        nextDescriptor += 1
        watches[watch.descriptor] = watch
        inode.watches.append(watch)
        return watch.descriptor
    }

    func unwatch(_ descriptor: Int32) -> Bool {
        guard let watch = watches.removeValue(forKey: descriptor) else { return false }
        watch.inode?.watches.removeAll { $0 === watch }
        queue.append(Event(watch: descriptor, mask: Self.ignored, cookie: 0, name: ""))
        arrivals += 1
        return true
    }

    func post(_ watch: LxpInotifyWatch, _ mask: UInt32, cookie: UInt32, name: String) {
        let event = Event(watch: watch.descriptor, mask: mask, cookie: cookie, name: name)
        // Equal events in a row are one.
        if queue.last != event {
            queue.append(event)
            arrivals += 1
        }
        if watch.mask & Self.oneShot != 0 { _ = unwatch(watch.descriptor) }
    }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        guard !queue.isEmpty else { throw .wouldBlock }
        var out = LxpBytes()
        while let event = queue.first {
            let name = event.name.isEmpty ? 0 : (event.name.utf8.count + 1 + 15) & ~15
            guard out.bytes.count + 16 + name <= count else { break }
            let end = out.bytes.count + 16 + name
            out.add(event.watch)
            out.add(event.mask)
            out.add(event.cookie)
            out.add(UInt32(name))
            out.add(Array(event.name.utf8))
            out.pad(to: end)
            queue.removeFirst()
        }
        guard !out.bytes.isEmpty else { throw .errno(.EINVAL) }
        return VfsData(out.bytes)
    }

    override func poll(_ context: VfsContext) -> PollEvents { queue.isEmpty ? [] : [.readable, .readNormal] }

    override func release(_ context: VfsContext) {
        for watch in watches.values { watch.inode?.watches.removeAll { $0 === watch } }
        watches = [:]
    }
}

/// What happened to a file, as IN_* bits.
struct LxpNotification: Sendable {
    let mask: UInt32

    private init(_ name: String) { mask = abi32(name) }

    static let access = LxpNotification("IN_ACCESS")
    static let modify = LxpNotification("IN_MODIFY")
    static let attributes = LxpNotification("IN_ATTRIB")
    static let closeWrite = LxpNotification("IN_CLOSE_WRITE")
    static let closeNoWrite = LxpNotification("IN_CLOSE_NOWRITE")
    static let open = LxpNotification("IN_OPEN")
    static let movedFrom = LxpNotification("IN_MOVED_FROM")
    static let movedTo = LxpNotification("IN_MOVED_TO")
    static let create = LxpNotification("IN_CREATE")
    static let delete = LxpNotification("IN_DELETE")
    static let deleteSelf = LxpNotification("IN_DELETE_SELF")
    static let moveSelf = LxpNotification("IN_MOVE_SELF")
}

private func LxpPost(_ inode: VfsInode, _ mask: UInt32, of kind: VfsInode, cookie: UInt32, name: String) {
    guard !inode.watches.isEmpty else { return }
    let bits = kind.isDirectory ? mask | LxInotifyFile.isDirectory : mask
    for watch in inode.watches where watch.mask & mask != 0 {
        watch.file?.post(watch, bits, cookie: cookie, name: name)
    }
}

/// Something happened to an opened or named file: its own watches and its directory's hear of it.
func LxpNotify(_ c: VfsContext, _ entry: VfsEntry, _ what: LxpNotification) {
    if let parent = entry.parent, !parent.inode.watches.isEmpty {
        LxpPost(parent.inode, what.mask, of: entry.inode, cookie: 0, name: entry.name.text)
    }
    LxpPost(entry.inode, what.mask, of: entry.inode, cookie: 0, name: "")
}

/// A name came or went in a directory.
func LxpNotify(_ c: VfsContext, _ directory: VfsEntry, _ name: String, _ inode: VfsInode, _ what: LxpNotification) {
    LxpPost(directory.inode, what.mask, of: inode, cookie: 0, name: name)
}

func LxpNotifyMoved(_ c: VfsContext, _ from: VfsWalk.Place, _ to: VfsWalk.Place, _ inode: VfsInode) {
    let old = from.directory.inode
    let new = to.directory.inode
    guard !old.watches.isEmpty || !new.watches.isEmpty || !inode.watches.isEmpty else { return }
    let cookie = c.engine.nextCookie()
    LxpPost(old, LxpNotification.movedFrom.mask, of: inode, cookie: cookie, name: from.name.text)
    LxpPost(new, LxpNotification.movedTo.mask, of: inode, cookie: cookie, name: to.name.text)
    LxpPost(inode, LxpNotification.moveSelf.mask, of: inode, cookie: 0, name: "")
}

/// A name of the file was removed: its link count changed, or it is gone.
func LxpNotifyRemoved(_ c: VfsContext, _ inode: VfsInode) {
    guard !inode.watches.isEmpty else { return }
    let links = (try? inode.attributes(c).links) ?? 0
    if links > 0, !inode.isDirectory {
        LxpPost(inode, LxpNotification.attributes.mask, of: inode, cookie: 0, name: "")
        return
    }
    LxpPost(inode, LxpNotification.deleteSelf.mask, of: inode, cookie: 0, name: "")
    for watch in inode.watches { _ = watch.file?.unwatch(watch.descriptor) }
}
