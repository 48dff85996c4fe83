// The scorecard as JSON: its Codable form, sorted keys, so that equal scorecards give equal bytes.
public import Compat
import FoundationEssentials

public struct JSONReport: Sendable {
    public init() {}

    public func render(_ card: Scorecard) -> String { JSONText.of(card) + "\n" }
    public func render(_ matrix: EngineMatrix) -> String { JSONText.of(matrix) + "\n" }

    /// Reads what ``render(_:)`` wrote.
    public func read(_ bytes: [UInt8]) throws(ReportError) -> Scorecard {
        struct Version: Decodable { var schema: Int }
        do {
            let data = Data(bytes)
            let version = try JSONDecoder().decode(Version.self, from: data)
            guard version.schema <= Scorecard.currentSchema else {
                throw ReportError(
                    "is a scorecard of schema \(version.schema), this lacuna reads up to \(Scorecard.currentSchema); "
                        + "use the lacuna that wrote it or a newer one"
                )
            }
            return try JSONDecoder().decode(Scorecard.self, from: data)
        } catch let error as ReportError {
            throw error
        } catch {
            throw ReportError("is not a scorecard.json of lacuna score")
        }
    }
}

/// A report that cannot be read; says why and what to do, without the file's name.
public struct ReportError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    init(_ description: String) { self.description = description }
}

enum JSONText {
    static func of(_ value: some Encodable, pretty: Bool = true) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        // The values are plain structures of integers, finite shares and strings: encoding them cannot fail.
        guard let data = try? encoder.encode(value) else { preconditionFailure("\(type(of: value)) does not encode") }
        return String(decoding: data, as: UTF8.self)
    }
}
