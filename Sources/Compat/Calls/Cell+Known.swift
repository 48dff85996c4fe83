// Every cell that the descriptions can name: what "never exercised" is measured against.
public import LinuxABI

extension Cell {
    /// Sorted. Joint selectors and path classes show only in traces; their calls are here.
    public static let known: [Cell] = {
        var cells: [Cell] = []
        for call in ABI.calls {
            let plain = call.plain.selectable
            cells += plain
            for variant in call.variants {
                cells += variant.selectable.isEmpty ? [variant.own] : variant.selectable
            }
            if plain.isEmpty, call.variants.isEmpty {
                cells.append(Cell(call: call.name, families: call.plain.families))
            }
        }
        return CellNaming(cells).all
    }()
}

extension Variant {
    fileprivate var own: Cell { Cell(call: callName, selector: name, families: families) }

    /// A cell for each name of each argument that selects alone.
    fileprivate var selectable: [Cell] {
        cellSelectors.filter { $0.count == 1 }.flatMap { joint -> [Cell] in
            guard case .scalar(let scalar) = arguments[joint[0]].type else { return [] }
            switch scalar.format {
            case .flags(let set): return set.entries.map { cell($0.name, $0.family) }
            case .enumeration(let enumeration): return enumeration.entries.map { cell($0.name, $0.family) }
            default: return []
            }
        }
    }

    private func cell(_ selector: String, _ family: Family?) -> Cell {
        Cell(call: callName, selector: selector, families: family.map { [$0] } ?? families)
    }
}
