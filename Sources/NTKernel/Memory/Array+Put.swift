// Arrays of large elements.

extension Array {
    /// As `insert(_:at:)`, moving what is behind in one piece.
    @inlinable
    public mutating func put(_ element: Element, at index: Int) {
        let end = count
        append(element)
        guard index < end else { return }
        withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let place = base + index
            let last = (base + end).move()
            (place + 1).moveInitialize(from: place, count: end - index)
            place.initialize(to: last)
        }
    }
}
