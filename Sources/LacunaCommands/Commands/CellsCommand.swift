// lacuna cells: what a trace exercises, and what can be exercised.
import ArgumentParser
import Compat
import LinuxABI
import Report
import TraceLog

struct CellsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cells",
        abstract: "List the cells that a trace exercises, or all known cells.",
        discussion: """
            A cell is what an engineer can implement: a call with one selector (a flag, a sub-command, an option, an \
            address family, a class of paths, a file system type).

            EXAMPLES
              lacuna cells bash.lacuna
              lacuna cells --list | grep '^unshare'
            """
    )

    @ArgumentParser.Argument(help: "A log written by 'lacuna record'.", completion: .file(extensions: ["lacuna"]))
    var file: String?
    @Flag(help: "List every cell that the descriptions know.")
    var list = false
    @Flag(help: "One JSON object per line: cell, families, count.")
    var json = false

    func validate() throws {
        guard (file == nil) == list else { throw ValidationError("name a log, or give --list") }
    }

    func run() throws {
        var output = StandardOutput()
        if let file {
            let trace = try Trace.load(path: file)
            var counts: [Cell: Int] = [:]
            for record in trace.calls {
                for cell in CallText(record, in: trace).cells { counts[cell, default: 0] += 1 }
            }
            let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            for (cell, count) in sorted { try output.line(line(cell, count)) }
        } else {
            for cell in Cell.known { try output.line(line(cell, nil)) }
        }
        try output.flush()
    }

    private func line(_ cell: Cell, _ count: Int?) -> String {
        let families = cell.families.map(\.rawValue)
        guard json else {
            let number = count.map { String($0) }.map {
                String(repeating: " ", count: max(8 - $0.count, 0)) + $0 + "  "
            }
            return "\(number ?? "")\(cell)  \(families.joined(separator: ","))"
        }
        var line = JSONLine()
        line.add("cell", cell.description)
        line.add("families", families)
        if let count { line.add("count", count) }
        return line.finished
    }
}
