// What the registry holds of a distribution: HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss\{GUID} (BUS).

/// One distribution of one user. Value names are the registry's (BUS); what no source says is marked.
public struct LxssDistribution: Sendable, Hashable, Codable {
    /// `Flags` (BUS; which bit is which: inferred from wsl.conf's keys).
    public struct Flags: OptionSet, Sendable, Hashable, Codable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let enableInterop = Flags(rawValue: 1)
        public static let appendWindowsPath = Flags(rawValue: 2)
        public static let enableDriveMounting = Flags(rawValue: 4)
        public static let standard: Flags = [.enableInterop, .appendWindowsPath, .enableDriveMounting]
    }
    /// `Version`: the kind of the root file system, not WSL 1 or 2.
    public enum Format: UInt32, Sendable, Hashable, Codable {
        /// lxfs (VolFs): made before 1903 and never upgraded.
        case lxfs = 1
        /// wslfs: made since 1903, or upgraded by `wsl --upgrade` (RN:18305).
        case wslfs = 2
    }

    /// `{0f2a…}`: the name of its key.
    public var guid: String
    /// `DistributionName`.
    public var name: String
    /// `BasePath`: the folder with the root file system; a folder of this host here.
    public var basePath: String
    public var flags = Flags.standard
    /// `DefaultUid`.
    public var defaultUserID: UInt32
    public var format = Format.wslfs

    public init(name: String, basePath: String, defaultUserID: UInt32 = 0) {
        guid = Self.guid(of: name)
        self.name = name
        self.basePath = basePath
        self.defaultUserID = defaultUserID
    }

    /// The service draws one; here it follows from the name, so that equal commands give equal output.
    private static func guid(of name: String) -> String {
        func hash(_ seed: UInt64) -> String {
            // FNV-1a.
            let value = name.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        let digits = Array(hash(0) + hash(0x9e37_79b9_7f4a_7c15))
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }
        return "{" + parts.joined(separator: "-") + "}"
    }
}

/// The Lxss key: all distributions of the user, and which one `wsl` alone means.
public struct LxssRegistry: Sendable, Hashable, Codable {
    /// In order of registration.
    public private(set) var distributions: [LxssDistribution] = []
    /// `DefaultDistribution`: a GUID; empty when there is none.
    public private(set) var defaultGUID = ""

    public init() {}

    public var standard: LxssDistribution? { distributions.first { $0.guid == defaultGUID } }

    /// Names are compared without case, as the registry's are.
    public subscript(name: String) -> LxssDistribution? {
        distributions.first { $0.name.lowercased() == name.lowercased() }
    }

    /// The first becomes the default.
    public mutating func register(_ distribution: LxssDistribution) throws(LxssError) {
        guard self[distribution.name] == nil else {
            throw LxssError("there is a distribution '\(distribution.name)' already; --unregister it first")
        }
        distributions.append(distribution)
        if standard == nil { defaultGUID = distribution.guid }
    }

    public mutating func unregister(_ name: String) throws(LxssError) {
        let known = try find(name)
        distributions.removeAll { $0.guid == known.guid }
        if defaultGUID == known.guid { defaultGUID = distributions.first?.guid ?? "" }
    }

    public mutating func setDefault(_ name: String) throws(LxssError) { defaultGUID = try find(name).guid }

    /// `wsl --upgrade`: lxfs to wslfs (RN:18305).
    public mutating func upgrade(_ name: String) throws(LxssError) {
        let known = try find(name)
        for index in distributions.indices where distributions[index].guid == known.guid {
            distributions[index].format = .wslfs
        }
    }

    public func find(_ name: String) throws(LxssError) -> LxssDistribution {
        guard let known = self[name] else {
            throw LxssError("there is no distribution '\(name)'; --list shows them, --import NAME FOLDER adds one")
        }
        return known
    }
}

/// Something that wsl.exe would refuse, in one line that says what to do.
public struct LxssError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}
