// What can go wrong before an engine answers.

/// An engine cannot be defined, found or started. One line that names the file or program and says what to do.
public struct LaunchError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}
