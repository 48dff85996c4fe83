// The recorder sees what strace sees: same threads, names and results.
import Glibc
import LinuxABI
import Recorder
import Testing
import TraceLog

extension Recordings {
    @Suite struct AgainstStrace {
        /// One process's calls as `name = result`; addresses, descriptors and process ids have no fixed values.
        typealias Stream = [String]

        private static func normal(_ name: String, _ value: Int64?) -> String {
            guard let value else { return "\(name) = ?" }
            if value < 0, value > -4096 { return "\(name) = \(Errno(rawValue: Int32(-value)).name)" }
            let creates = [
                "fork", "vfork", "clone", "clone3", "wait4", "set_tid_address", "getpid", "gettid", "getppid",
            ]
            if creates.contains(name), value > 0 { return "\(name) = pid" }
            // The lowest that is free: what tests beside this one have open for a moment is not.
            if ["open", "openat", "dup", "fcntl"].contains(name), value > 2 { return "\(name) = descriptor" }
            return value > 0x10000 || value < 0 ? "\(name) = address" : "\(name) = \(value)"
        }

        private func stream(_ trace: Trace) -> [Stream] {
            var streams: [TaskID: Stream] = [:]
            for call in trace.calls {
                let isOpen = call.flags.contains(.unfinished)
                streams[call.task, default: []].append(Self.normal(call.name, isOpen ? nil : call.result))
            }
            return streams.sorted { $0.key < $1.key }.map(\.value)
        }

        /// Parses `strace -f -o`.
        private func stream(_ text: String) -> [Stream] {
            var order: [Substring] = []
            var streams: [Substring: Stream] = [:]
            var open: [Substring: String] = [:]
            for line in text.split(separator: "\n") {
                guard let space = line.firstIndex(of: " ") else { continue }
                let pid = line[..<space]
                var rest = line[space...].drop { $0 == " " }
                guard !rest.hasPrefix("+++"), !rest.hasPrefix("---") else { continue }
                if streams[pid] == nil { order.append(pid) }
                if rest.hasPrefix("<... ") {
                    rest = rest.dropFirst(5)
                } else if rest.hasSuffix("<unfinished ...>") {
                    open[pid] = String(rest.prefix { $0 != "(" })
                    streams[pid, default: []] += []
                    continue
                }
                open[pid] = nil
                let name = String(rest.prefix { $0 != "(" && $0 != " " })
                streams[pid, default: []].append(Self.normal(name, result(rest)))
            }
            for (pid, name) in open { streams[pid, default: []].append("\(name) = ?") }
            return order.map { streams[$0] ?? [] }
        }

        private func result(_ line: Substring) -> Int64? {
            guard let range = line.ranges(of: " = ").last else { return nil }
            let words = line[range.upperBound...].split(separator: " ")
            guard let first = words.first, first != "?" else { return nil }
            if first == "-1", words.count > 1 {
                return (1..<4096).first { Errno(rawValue: Int32($0)).name == words[1] }.map { -Int64($0) } ?? -1
            }
            if first.hasPrefix("0x") { return Int64(first.dropFirst(2), radix: 16) }
            return Int64(first)
        }

        // None of them lists its descriptors: what tests beside this one have open for a moment is among them.
        @Test(
            arguments: tiers,
            [
                "cat /etc/passwd /nonexistent", "ls -l /etc", "sort /etc/services",
                "perl -e 'system qw(/bin/pwd) for 1..5'",
            ]
        )
        func namesAndResultsAreEqual(tier: RecorderOptions.Results, command: String) throws {
            guard shell("command -v strace > /dev/null") == 0 else { return }
            let scratch = try Scratch()
            let script = "exec \(command) > /dev/null 2>&1"
            shell("strace -f -o '\(scratch.file("strace"))' /bin/sh -c \"\(script)\"")
            let (_, trace) = try record(scratch, ["/bin/sh", "-c", script], tier)
            let expected = stream(scratch.read("strace"))
            let found = stream(trace)
            #expect(expected.count == found.count)
            for (expected, found) in zip(expected, found) {
                #expect(found == expected)
            }
        }
    }
}
