// JSON blocks: header, snapshot, trailer. Keys that an older log lacks take their default values.
import FoundationEssentials

/// Where a block of events is, so that a reader can start in the middle.
struct IndexEntry: Codable, Hashable, Sendable {
    /// Offset of the block in the file.
    var offset: UInt64 = 0
    var calls: UInt64 = 0
    /// Smallest and largest call index in the block; 0 and 0 without calls.
    var lowestCall: UInt64 = 0
    var highestCall: UInt64 = 0
    /// Earliest entry and latest exit in the block, nanoseconds since start.
    var earliestEntry: UInt64 = 0
    var latestExit: UInt64 = 0
    /// Id of the first payload the block defines.
    var firstPayload: UInt64 = 0
    var payloads: UInt64 = 0
}

/// What the trailer block holds beside the trailer's own fields.
struct TrailerMetadata: Codable, Hashable, Sendable {
    var trailer = TraceTrailer()
    var index: [IndexEntry] = []

    /// Every key with its default, one element in every array: what absent keys are filled from.
    static var template: TrailerMetadata { TrailerMetadata(trailer: TraceTrailer(), index: [IndexEntry()]) }
}

/// Any JSON value, for filling in what an older writer did not know.
enum JSONValue: Codable {
    case null
    case bool(Bool)
    case signed(Int64)
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .signed(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .signed(let value): try container.encode(value)
        case .unsigned(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// This value with every key it lacks taken from a template; an array's only template element fits all of its.
    func filled(from template: JSONValue) -> JSONValue {
        switch (self, template) {
        case (.object(let own), .object(let defaults)):
            var result = own
            for (key, value) in defaults {
                if let mine = own[key] {
                    result[key] = mine.filled(from: value)
                } else if case .array = value {
                    result[key] = .array([])
                } else {
                    result[key] = value
                }
            }
            return .object(result)
        case (.array(let own), .array(let defaults)):
            guard let element = defaults.first else { return self }
            return .array(own.map { $0.filled(from: element) })
        default: return self
        }
    }
}

enum Metadata {
    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // The metadata types hold only integers, strings and collections of them: encoding cannot fail.
        guard let data = try? encoder.encode(value) else { preconditionFailure("metadata cannot be encoded") }
        return [UInt8](data)
    }

    static func decode<T: Codable>(_ bytes: UnsafeRawBufferPointer, template: T) throws(Malformed) -> T {
        do {
            let decoder = JSONDecoder()
            let own = try decoder.decode(JSONValue.self, from: Data(bytes))
            let defaults = try decoder.decode(JSONValue.self, from: JSONEncoder().encode(template))
            return try decoder.decode(T.self, from: JSONEncoder().encode(own.filled(from: defaults)))
        } catch {
            throw Malformed("its JSON does not fit: \(summary(error))")
        }
    }

    private static func summary(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not JSON" }
        switch error {
        case .keyNotFound(let key, _): return "no \(key.stringValue)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "wrong type at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
        default: return "not JSON"
        }
    }

    static var snapshotTemplate: StartSnapshot {
        var snapshot = StartSnapshot()
        snapshot.descriptors = [StartSnapshot.Descriptor()]
        snapshot.limits = [StartSnapshot.Limit(resource: 0, soft: 0, hard: 0)]
        return snapshot
    }
}
