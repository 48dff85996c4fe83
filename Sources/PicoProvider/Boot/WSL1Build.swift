// The builds of Windows whose WSL 1 the engine can be.

/// A build number; facts with a first build hold from there on.
public struct WSL1Build: Sendable, Hashable, Comparable {
    public let number: Int

    /// The releases of Windows 10 with WSL 1, oldest first: 1607 to 22H2.
    public static let released = [
        14393, 15063, 16299, 17134, 17763, 18362, 18363, 19041, 19042, 19043, 19044, 19045,
    ].map(WSL1Build.init)
    /// The last one.
    public static let latest = WSL1Build(19045)

    /// Up to here fcntl grants every record lock (LTP:16251; LTP:16273).
    static let lastWithoutRecordLocks = WSL1Build(16273)

    public init(_ number: Int) { self.number = number }

    public static func < (left: WSL1Build, right: WSL1Build) -> Bool { left.number < right.number }

    /// `uname -r` (RN:14986; GH:2902; GH:6193). That 19042 and later keep 19041's kernel files is inferred: they are
    /// 19041 with features switched on.
    public var release: String {
        switch number {
        case ..<14986: "3.4.0+"
        case ..<17134: "4.4.0-43-Microsoft"
        default: "4.4.0-\(min(number, 19041))-Microsoft"
        }
    }

    /// `uname -v`; only the shape of it is known, and one revision of 19041.
    var version: String {
        number < 14986 ? "#1 SMP PREEMPT Thu Jan 1 00:00:00 UTC 1970" : "#488-Microsoft Mon Sep 01 13:43:00 PST 2020"
    }

    /// /proc/version (GH:6193).
    var procVersion: String {
        "Linux version \(release) (Microsoft@Microsoft.com) (gcc version 5.4.0 (GCC) ) \(version)\n"
    }
}
