// One JSON object on one line, written quickly: `lacuna show --json` prints hundreds of thousands.

/// Members in the order they are added.
public struct JSONLine {
    public private(set) var text = "{"

    public init() {}

    public mutating func add(_ name: String, _ value: String) {
        key(name)
        append(string: value)
    }

    public mutating func add(_ name: String, _ value: some BinaryInteger) {
        key(name)
        text += String(value)
    }

    public mutating func add(_ name: String, _ value: Bool) {
        key(name)
        text += value ? "true" : "false"
    }

    public mutating func add(_ name: String, _ values: [String]) {
        key(name)
        text += "["
        for (index, value) in values.enumerated() {
            if index > 0 { text += "," }
            append(string: value)
        }
        text += "]"
    }

    /// Members sorted by name.
    public mutating func add(_ name: String, _ values: [String: UInt64]) {
        key(name)
        var object = JSONLine()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) { object.add(name, value) }
        text += object.finished
    }

    /// The object with its end, without a newline.
    public var finished: String { text + "}" }

    private mutating func key(_ name: String) {
        if text.utf8.count > 1 { text += "," }
        append(string: name)
        text += ":"
    }

    private mutating func append(string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
