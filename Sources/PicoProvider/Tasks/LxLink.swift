// References that may stay longer than what they lead to.

/// How others refer to an object that may go before them: its own link, which it empties as it goes.
///
/// A weak reference would make every use of the object dearer from then on.
final class LxLink<Object: AnyObject> {
    unowned(unsafe) var object: Object?
}
