// Which description holds for a call, without a search for calls that have only one.
import LinuxABI
import TraceLog

/// Descriptions by number. Calls with sub-commands are asked each time.
struct VariantTable {
    private enum Slot {
        case unseen
        case none
        case only(Variant)
        case several(CallDescription)
    }
    private var slots = [Slot](repeating: .unseen, count: 512)

    /// The description that holds for the call; nil if there is none.
    mutating func variant(of call: CallRecord) -> Variant? {
        let number = Int(call.number)
        guard call.architecture == .x86_64, number < slots.count else {
            return ABI.call(number, call.architecture)?.variant(for: call.arguments)
        }
        switch slots[number] {
        case .only(let variant): return variant
        case .several(let description): return description.variant(for: call.arguments)
        case .none: return nil
        case .unseen:
            let description = ABI.call(number, .x86_64)
            slots[number] = description.map { $0.variants.isEmpty ? .only($0.plain) : .several($0) } ?? .none
            return description?.variant(for: call.arguments)
        }
    }
}
