// Figures of an engine that no replay tells: taken with a clock or a scale, with what they were taken from.

/// One figure.
public struct Measurement: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
        case boot = "boot time"
        case memory
        case smallFiles = "file I/O cost: small files"
        case largeFile = "file I/O cost: a large file"
    }
    public var kind: Kind
    /// As shown: `0.21 s`.
    public var value: String
    /// How it was taken.
    public var method: String
    /// What it was computed from, each with its name.
    public var samples: [Sample]

    public struct Sample: Codable, Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(_ kind: Kind, _ value: String, method: String, samples: [Sample]) {
        self.kind = kind
        self.value = value
        self.method = method
        self.samples = samples
    }
}

extension Measurement.Kind {
    /// What the row of a side-by-side table means.
    public var meaning: String {
        switch self {
        case .boot: "from the start command to the first answer of a program inside, median of the starts"
        case .memory: "memory on the host of all the engine's processes while one small program waits in it"
        case .smallFiles:
            "to make, look at, read and remove one file of 4 KiB; of a model: what one call on files takes of the kernel below"
        case .largeFile: "to write 16 MiB and have them on the disk, and to read them again"
        }
    }
}
