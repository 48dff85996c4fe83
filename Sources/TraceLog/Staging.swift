// A growable buffer of plain values without the checks of an array: what is filled and read for every call.

/// Grows by doubling and keeps its memory when cleared, so that steady use allocates nothing.
final class Staging<Element: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 64) {
        self.capacity = max(capacity, 1)
        base = UnsafeMutablePointer<Element>.allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// Bytes of memory taken.
    var footprint: Int { capacity * MemoryLayout<Element>.stride }

    func clear() { count = 0 }

    func removeFirst(_ size: Int) {
        base.update(from: base + size, count: count - size)
        count -= size
    }

    @inline(__always)
    subscript(_ position: Int) -> Element {
        get { base[position] }
        set { base[position] = newValue }
    }

    @inline(__always)
    func append(_ element: consuming Element) {
        if count == capacity { grow(count + 1) }
        (base + count).initialize(to: element)
        count += 1
    }

    /// `size` elements, whose contents are whatever was there; earlier ones are kept.
    @discardableResult
    func resize(_ size: Int) -> UnsafeMutablePointer<Element> {
        if size > capacity { grow(size) }
        count = size
        return base
    }

    private func grow(_ size: Int) {
        capacity = max(capacity * 2, size)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }
}
