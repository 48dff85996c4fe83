// What an engine costs, as figures of its scorecard.
import Compat
import EngineLauncher

extension Measurement {
    static func all(_ taken: EngineMeasurement) -> [Measurement] {
        let starts = taken.starts.sorted()
        var figures = [
            Measurement(
                .boot,
                text(starts[starts.count / 2]) + " s",
                method: "seconds from the start command to the answer of 'lacuna-init probe', \(starts.count) starts",
                samples: taken.starts.enumerated().map { .init("start \($0 + 1)", text($1) + " s") }
            )
        ]
        if let memory = taken.memory {
            figures.append(
                Measurement(
                    .memory,
                    memory < 10 << 20 ? "\(memory >> 10) KiB" : "\((memory + 1 << 19) >> 20) MiB",
                    method: "sum of Pss in /proc/PID/smaps_rollup on the host while 'lacuna-init echo' waits inside",
                    samples: [.init("all processes", "\(memory) bytes")]
                )
            )
        }
        let files = taken.files
        let each = [
            ("make", files.create), ("look at", files.stat), ("read", files.read), ("remove", files.remove),
        ]
        let total = each.reduce(0) { $0 + $1.1 }
        figures.append(
            Measurement(
                .smallFiles,
                "\((total / files.files + 500) / 1000) µs a file",
                method: "'lacuna-init files' with \(files.files) files of \(files.fileBytes) bytes in \(taken.folder)",
                samples: each.map { .init($0.0, text(Double($0.1) / Double(files.files) / 1000) + " µs a file") }
                    + [.init("list all", text(Double(files.list) / 1e6) + " ms")]
            )
        )
        figures.append(
            Measurement(
                .largeFile,
                text(Double(files.writeLarge) / 1e6) + " ms, then " + text(Double(files.readLarge) / 1e6) + " ms",
                method: "'lacuna-init files': \(files.largeBytes) bytes in parts of 64 KiB, then fsync; then read",
                samples: [
                    .init("write and fsync", text(Double(files.writeLarge) / 1e6) + " ms"),
                    .init("read", text(Double(files.readLarge) / 1e6) + " ms"),
                ]
            )
        )
        return figures
    }

    /// Two digits behind the point.
    private static func text(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
