// Memory for columns while they are decoded.

/// Memory that is kept from use to use.
final class Scratch<Element: BitwiseCopyable> {
    private var base: UnsafeMutablePointer<Element>
    private var capacity = 256
    private let empty: Element

    init(_ empty: Element) {
        self.empty = empty
        base = UnsafeMutablePointer.allocate(capacity: capacity)
        base.initialize(repeating: empty, count: capacity)
    }

    deinit { base.deallocate() }

    /// Room for `count` elements; contents are kept unless the room has to grow.
    func room(_ count: Int) -> UnsafeMutablePointer<Element> {
        if count > capacity {
            base.deallocate()
            capacity = max(count, capacity * 2)
            base = UnsafeMutablePointer.allocate(capacity: capacity)
            base.initialize(repeating: empty, count: capacity)
        }
        return base
    }
}
