// JSON with one spelling per value: keys sorted, no spaces, so that equal results are equal bytes.

/// Encodes any `Encodable` of objects, arrays, strings, integers, booleans, finite doubles and nil.
public struct CanonicalJSON {
    /// The bytes of `value`. Throws what the value's own `encode(to:)` throws.
    public static func encode(_ value: some Encodable) throws -> [UInt8] {
        let slot = Slot()
        try value.encode(to: SlotEncoder(slot: slot, codingPath: []))
        var bytes: [UInt8] = []
        slot.write(to: &bytes)
        return bytes
    }
}

/// A place for one JSON value, filled in while encoding.
private final class Slot {
    enum Content {
        case empty
        case literal(String)
        case string(String)
        /// What is written already, and what comes after it.
        case array([UInt8], [Slot])
        case object([String: Slot])
    }

    var content = Content.empty

    func element() -> Slot {
        let slot = Slot()
        if case .array(let bytes, var slots) = content {
            content = .empty
            slots.append(slot)
            content = .array(bytes, slots)
        } else {
            content = .array([], [slot])
        }
        return slot
    }

    /// Takes in an element that is complete: lists are long, and their elements need not be kept apart.
    func append(_ element: Slot) {
        guard case .array(var bytes, let slots) = content, slots.isEmpty else {
            self.element().content = element.content
            return
        }
        content = .empty
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        element.write(to: &bytes)
        content = .array(bytes, slots)
    }

    func member(_ key: String) -> Slot {
        let slot = Slot()
        if case .object(var slots) = content {
            content = .empty
            slots[key] = slot
            content = .object(slots)
        } else {
            content = .object([key: slot])
        }
        return slot
    }

    func write(to bytes: inout [UInt8]) {
        switch content {
        case .empty: bytes += "null".utf8
        case .literal(let text): bytes += text.utf8
        case .string(let text): Slot.writeString(text, to: &bytes)
        case .array(let written, let slots):
            bytes.append(UInt8(ascii: "["))
            bytes += written
            for (index, slot) in slots.enumerated() {
                if index > 0 || !written.isEmpty { bytes.append(UInt8(ascii: ",")) }
                slot.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let slots):
            bytes.append(UInt8(ascii: "{"))
            for (index, (key, slot)) in slots.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Slot.writeString(key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                slot.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    static func writeString(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes += "\\\"".utf8
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case 0x0a: bytes += "\\n".utf8
            case 0x09: bytes += "\\t".utf8
            case 0x0d: bytes += "\\r".utf8
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += "\\u00".utf8
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

private struct SlotEncoder: Encoder {
    let slot: Slot
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .empty = slot.content { slot.content = .object([:]) }
        return KeyedEncodingContainer(SlotKeyed<Key>(slot: slot, codingPath: codingPath))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .empty = slot.content { slot.content = .array([], []) }
        return SlotUnkeyed(slot: slot, codingPath: codingPath)
    }
    func singleValueContainer() -> any SingleValueEncodingContainer { SlotSingle(slot: slot, codingPath: codingPath) }
}

extension Slot {
    func set(_ value: some Encodable, path: [any CodingKey]) throws {
        switch value {
        case let value as Bool: content = .literal(value ? "true" : "false")
        case let value as String: content = .string(value)
        case let value as Double:
            guard value.isFinite else {
                throw EncodingError.invalidValue(
                    value,
                    .init(codingPath: path, debugDescription: "JSON has no \(value)")
                )
            }
            content = .literal("\(value)")
        case let value as any FixedWidthInteger: content = .literal("\(value)")
        default: try value.encode(to: SlotEncoder(slot: self, codingPath: path))
        }
    }
}

private struct SlotKeyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: Slot
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) throws { slot.member(key.stringValue).content = .literal("null") }
    func encode(_ value: some Encodable, forKey key: Key) throws {
        try slot.member(key.stringValue).set(value, path: codingPath + [key])
    }
    func nestedContainer<Nested: CodingKey>(
        keyedBy keyType: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        SlotEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: keyType)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        SlotEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { SlotEncoder(slot: slot.member("super"), codingPath: codingPath) }
    func superEncoder(forKey key: Key) -> any Encoder {
        SlotEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct SlotUnkeyed: UnkeyedEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]
    private(set) var count = 0

    init(slot: Slot, codingPath: [any CodingKey]) {
        self.slot = slot
        self.codingPath = codingPath
    }

    mutating func encodeNil() throws {
        count += 1
        slot.element().content = .literal("null")
    }
    mutating func encode(_ value: some Encodable) throws {
        count += 1
        let element = Slot()
        try element.set(value, path: codingPath)
        slot.append(element)
    }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy keyType: Nested.Type) -> KeyedEncodingContainer<Nested> {
        count += 1
        return SlotEncoder(slot: slot.element(), codingPath: codingPath).container(keyedBy: keyType)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        count += 1
        return SlotEncoder(slot: slot.element(), codingPath: codingPath).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { SlotEncoder(slot: slot.element(), codingPath: codingPath) }
}

private struct SlotSingle: SingleValueEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]

    func encodeNil() throws { slot.content = .literal("null") }
    func encode(_ value: some Encodable) throws { try slot.set(value, path: codingPath) }
}
