// The consumer's end of a BPF ring buffer: its three mappings and their counters.
import CLinux
import Glibc

/// A mapped BPF_MAP_TYPE_RINGBUF (kernel: Documentation/bpf/ringbuf.rst).
struct KernelRing: @unchecked Sendable {
    let size: Int
    private let consumer: UnsafeMutablePointer<UInt64>
    private let producer: UnsafePointer<UInt64>
    private let data: UnsafeRawPointer

    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30

    init?(map: Int32, size: Int) {
        self.size = size
        let page = Int(getpagesize())
        guard let own = mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), own != MAP_FAILED else {
            return nil
        }
        // The data pages are mapped twice in a row, so that no record is split.
        guard let kernels = mmap(nil, page + 2 * size, PROT_READ, MAP_SHARED, map, page), kernels != MAP_FAILED else {
            munmap(own, page)
            return nil
        }
        // A fork would copy an entry for each page.
        madvise(kernels, page + 2 * size, MADV_DONTFORK)
        consumer = own.assumingMemoryBound(to: UInt64.self)
        producer = UnsafePointer(kernels.assumingMemoryBound(to: UInt64.self))
        data = UnsafeRawPointer(kernels + page)
    }

    func unmap() {
        let page = Int(getpagesize())
        munmap(consumer, page)
        munmap(UnsafeMutableRawPointer(mutating: UnsafeRawPointer(producer)), page + 2 * size)
    }

    /// Bytes ever reserved by the kernel's side.
    var producerPosition: UInt64 { clinux_load_acquire(producer) }
    var consumerPosition: UInt64 { clinux_load_acquire(consumer) }

    /// Hands each record up to `limit` to `body` and frees it.
    func consume<E: Error>(to limit: UInt64, _ body: (UnsafePointer<clinux_event>) throws(E) -> Void) throws(E) {
        var position = clinux_load_acquire(consumer)
        while position < limit {
            let record = data + Int(position & UInt64(size - 1))
            let length = record.assumingMemoryBound(to: UInt32.self)
            var word = clinux_load_acquire32(length)
            while word & KernelRing.busy != 0 {
                // Another CPU is still filling it: a matter of microseconds.
                clinux_pause()
                word = clinux_load_acquire32(length)
            }
            if word & KernelRing.discarded == 0 {
                try body((record + 8).assumingMemoryBound(to: clinux_event.self))
            }
            position += UInt64((Int(word & ~(KernelRing.busy | KernelRing.discarded)) + 8 + 7) & ~7)
            clinux_store_release(consumer, position)
        }
    }
}
