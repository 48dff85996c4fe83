// One name, one cell.
import LinuxABI

/// Cells of equal name may come with different families: a path class or a flag may bring its own, depending on the
/// description that met it. Scores know a cell by name; its families are all that any call gave it.
struct CellNaming {
    private var cells: [String: Cell] = [:]

    init(_ cells: some Sequence<Cell>) { for cell in cells { add(cell) } }

    private mutating func add(_ cell: Cell) {
        guard let known = cells[cell.description] else {
            cells[cell.description] = cell
            return
        }
        guard known.families != cell.families else { return }
        let families = Set(known.families).union(cell.families)
        cells[cell.description]?.families = Family.allCases.filter(families.contains)
    }

    subscript(cell: Cell) -> Cell { cells[cell.description] ?? cell }

    /// Every cell once, sorted.
    var all: [Cell] { cells.values.sorted() }
}

extension WorkloadObservation {
    /// The same with one cell for each name.
    func named(by naming: CellNaming) -> WorkloadObservation {
        var named = self
        named.cells = [:]
        for (cell, counts) in cells { named.cells[naming[cell]] = (named.cells[naming[cell]] ?? CallCounts()) + counts }
        named.notModelled = [:]
        // In order, so that of two reasons always the same one is kept.
        for (cell, reason) in notModelled.sorted(by: { ($0.key, $0.value.note) < ($1.key, $1.value.note) })
        where named.notModelled[naming[cell]] == nil {
            named.notModelled[naming[cell]] = reason
        }
        for index in roots.indices { named.roots[index].cells = roots[index].cells.map { naming[$0] } }
        return named
    }
}
