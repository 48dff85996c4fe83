// The part of SARIF 2.1.0 that reports of roots need (OASIS Standard, 27 March 2020).

struct SARIFLog: Encodable {
    var schema = "https://json.schemastore.org/sarif-2.1.0.json"
    var version = "2.1.0"
    var runs: [Run]

    enum CodingKeys: String, CodingKey {
        case schema = "$schema"
        case version, runs
    }

    struct Run: Encodable {
        var tool: Tool
        var results: [Result]
        var invocations: [Invocation]
        var properties: RunProperties
        var columnKind = "utf16CodeUnits"
    }
    struct Tool: Encodable { var driver: Driver }
    struct Driver: Encodable {
        var name: String
        var version: String
        var rules: [Rule]
    }
    struct Rule: Encodable {
        var id: String
        var shortDescription: Message
        var properties: RuleProperties
    }
    struct RuleProperties: Encodable {
        var tags: [String]
        var importance: Int
        var state: String
    }
    struct Message: Encodable { var text: String }
    struct Result: Encodable {
        var ruleId: String
        var ruleIndex: Int
        var level: String
        var message: Message
        var locations: [Location]
        var partialFingerprints: [String: String]
        var rank: Double
        var properties: ResultProperties
    }
    struct ResultProperties: Encodable {
        var rank: Int
        var severity: String
        var importance: Int
        var hits: Int
        var followers: Int
        var workloads: [String]
        var fatalIn: [String]
        var source: String
    }
    struct Location: Encodable {
        var physicalLocation: PhysicalLocation
        var logicalLocations: [LogicalLocation]
        var message: Message
    }
    struct PhysicalLocation: Encodable { var artifactLocation: ArtifactLocation }
    struct ArtifactLocation: Encodable { var uri: String }
    struct LogicalLocation: Encodable {
        var name: String
        var fullyQualifiedName: String
        var kind = "call"
    }
    struct Invocation: Encodable {
        var executionSuccessful: Bool
        var exitCode: Int32
        var toolExecutionNotifications: [Notification]
    }
    struct Notification: Encodable {
        var level: String
        var message: Message
    }
    struct RunProperties: Encodable {
        var engine: String
        var completeness: Int
        var withoutFatal: Int
        var graded: Int
        var status: String
        var families: [Family]
    }
    struct Family: Encodable {
        var family: String
        var completeness: Int?
        var graded: Int?
    }
}
