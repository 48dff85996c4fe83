// Looks ahead in the queue for what the supervisor noted of paths and the log thread has not come to.
import CLinux
import Glibc
import TraceLog

/// The supervisor's notes that are still in the queue, by path.
struct QueuedNotes: ~Copyable {
    private let queue: EventQueue
    /// Looked at up to here.
    private var position: UInt64 = 0
    /// Where the note of a path is (its `QueuePath`). Notes leave when the log thread comes to them, before the queue
    /// takes their place.
    private var notes: [UInt64: UnsafeRawPointer] = [:]

    init(_ queue: EventQueue) { self.queue = queue }

    /// The note of a path, among those seen so far.
    func find(_ hash: PathHash) -> UnsafeRawPointer? { notes.isEmpty ? nil : notes[hash.value] }

    /// Sees what the supervisor has published since: everything it noted before any change that is visible now.
    mutating func lookAhead() {
        let head = queue.head
        position = max(position, queue.tail)
        while position < head {
            let record = queue.data + queue.offset(position)
            let header = record.load(as: QueueHeader.self)
            if header.kind == QueueRecord.path.rawValue {
                let note = UnsafeRawPointer(record + 8)
                let hash = QueuedNotes.hash(note)
                // The first one tells how things were.
                if notes[hash.value] == nil { notes[hash.value] = note }
            }
            position += UInt64(header.size)
        }
    }

    /// The log thread has come to a note.
    mutating func remove(_ note: UnsafeRawPointer, _ hash: PathHash) {
        if notes[hash.value] == note { notes[hash.value] = nil }
    }

    /// The hash of a note's path, as the walker has it.
    static func hash(_ note: UnsafeRawPointer) -> PathHash {
        let count = Int(note.load(as: QueuePath.self).pathCount)
        var hash = PathHash()
        if count == 1 { return hash }  // the root
        let bytes = UnsafeRawBufferPointer(start: note + MemoryLayout<QueuePath>.size, count: count)
        for byte in bytes { hash.add(byte) }
        return hash
    }
}

/// A queued note, taken apart.
struct QueuedPath {
    let header: QueuePath
    let path: UnsafeRawBufferPointer
    let target: UnsafeRawBufferPointer
    let head: UnsafeRawBufferPointer

    init(_ body: UnsafeRawPointer) {
        header = body.load(as: QueuePath.self)
        func text(_ offset: Int, _ count: UInt16) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: body + MemoryLayout<QueuePath>.size + offset, count: Int(count))
        }
        path = text(0, header.pathCount)
        target = text(Int(header.pathCount), header.linkCount)
        head = text(Int(header.pathCount) + Int(header.linkCount), header.headCount)
    }

    var kind: PathKind { header.absent == 0 ? PathKind(mode: header.status.st_mode) : .absent }
}
