// Asks the installed headers, through the C compiler, what expressions are worth.
import Foundation

/// One C expression and the value the descriptions give it.
struct Expectation: Hashable, Sendable {
    /// What it is, for people: `O_CREAT`, `offsetof(struct stat, st_ino)`.
    let subject: String
    let expression: String
    let value: UInt64
    /// How many low bits of the two are compared.
    var bits = 64
}

struct HeaderProbe {
    enum Failure: Error, CustomStringConvertible {
        case noCompiler
        case compiler(group: String, message: String)

        var description: String {
            switch self {
            case .noCompiler: "no C compiler: install gcc or clang"
            case .compiler(let group, let message): "the \(group) headers do not compile together:\n\(message)"
            }
        }
    }

    /// Evaluates the expressions that the group's headers know; the others are missing from the result.
    static func evaluate(
        _ expressions: [String],
        in group: HeaderGroup,
        macros: [String] = []
    ) throws -> [String: UInt64] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lacuna-uapi-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let source = folder.appending(path: "probe.c")
        let program = folder.appending(path: "probe")
        let head = macros.map { "#define \($0)\n" }.joined() + group.preamble
        let firstLine = head.count { $0 == "\n" } + 3
        try head.write(to: source, atomically: true, encoding: .utf8)
        let words = try identifiers(source)
        var known = expressions.filter { expression in
            words.contains(expression) || expression.contains { !$0.isLetter && !$0.isNumber && $0 != "_" }
        }

        // What these headers do not know is an error on its line: leave those lines out and compile again.
        while true {
            var text = head + "extern int printf(const char *, ...);\nint main(void) {\n"
            for (index, expression) in known.enumerated() {
                text += "printf(\"\(index) %llu\\n\", (unsigned long long)(\(expression)));\n"
            }
            try (text + "return 0; }\n").write(to: source, atomically: true, encoding: .utf8)
            let compiled = try run([
                "cc", "-w", "-O0", "-fmax-errors=0", "-o", program.path, source.path,
            ])
            if compiled.status == 0 { break }
            let wrong = Set(compiled.output.split(separator: "\n").compactMap { errorLine($0, in: source.path) })
            let unknown = Set(wrong.filter { $0 >= firstLine && $0 < firstLine + known.count }.map { $0 - firstLine })
            guard !unknown.isEmpty else {
                throw Failure.compiler(group: group.name, message: String(compiled.output.prefix(2000)))
            }
            known = known.indices.filter { !unknown.contains($0) }.map { known[$0] }
        }

        var values: [String: UInt64] = [:]
        for line in try run([program.path]).output.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let index = Int(words[0]), let value = UInt64(words[1]) else { continue }
            values[known[index]] = value
        }
        return values
    }

    /// Every word of the headers, before and after preprocessing: a plain name that is not among them needs no compiler.
    private static func identifiers(_ source: URL) throws -> Set<String> {
        var words: Set<String> = []
        for mode in [["-dM"], ["-P"]] {
            let text = try run(["cc", "-E", "-w"] + mode + [source.path]).output
            let isWord = { (byte: UInt8) in
                byte == 0x5f || byte >= 0x30 && byte <= 0x39 || byte & 0xdf >= 0x41 && byte & 0xdf <= 0x5a
            }
            for word in text.utf8.split(whereSeparator: { !isWord($0) }) { words.insert(String(Substring(word))) }
        }
        return words
    }

    /// Compares with the first group that knows an expression.
    static func compare(_ expectations: [Expectation], in groups: [HeaderGroup]) throws -> Comparison {
        var comparison = Comparison()
        var left = expectations
        for group in groups where !left.isEmpty {
            let values = try evaluate(left.map(\.expression), in: group)
            var unknown: [Expectation] = []
            for expectation in left {
                guard let value = values[expectation.expression] else {
                    unknown.append(expectation)
                    continue
                }
                comparison.compared += 1
                let mask = expectation.bits == 64 ? UInt64.max : 1 << UInt64(expectation.bits) - 1
                if (value ^ expectation.value) & mask != 0 {
                    comparison.differences.append(
                        "\(expectation.subject): \(hex(value)) in the \(group.name) headers, \(hex(expectation.value)) described"
                    )
                }
            }
            left = unknown
        }
        comparison.unknown = left.map(\.subject)
        return comparison
    }

    struct Comparison {
        var compared = 0
        var differences: [String] = []
        /// In no header of this machine: newer than they are, or not there under this name.
        var unknown: [String] = []
    }

    private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    /// `path:line:column: error: …`
    private static func errorLine(_ line: Substring, in path: String) -> Int? {
        guard line.hasPrefix(path), line.contains("error:") else { return nil }
        return line.dropFirst(path.count + 1).split(separator: ":").first.flatMap { Int($0) }
    }

    /// Standard output and error together: they are read while the program runs, so it cannot fill a pipe and wait.
    static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        do { try process.run() } catch { throw Failure.noCompiler }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus != 127 else { throw Failure.noCompiler }
        return (process.terminationStatus, output)
    }
}
