// Records one workload of a corpus anew: scratch folder, preparation, recording, check.
import Compat
import Glibc
import TraceLog

/// Runs a workload the way `make corpus` does, so that its trace is the same wherever it is made.
struct CorpusRecorder {
    /// Scratch folders are made here; the path is part of the traces, so it is always the same.
    static let scratchRoot = "/tmp/lacuna-corpus"

    let workload: Workload

    /// - Returns: calls recorded. The new trace replaces the old one only when the program worked.
    func record() throws(CommandFailure) -> UInt64 {
        let scratch = "\(CorpusRecorder.scratchRoot)/\(workload.name)"
        let trace = "\(scratch).lacuna"
        let (out, errors) = ("\(scratch).out", "\(scratch).err")
        let folder = try absolute(workload.folder)
        try run(
            "rm -rf \(quoted(scratch)) && mkdir -p \(quoted(scratch)) && cd \(quoted(folder)) && "
                + "for file in *; do [ \"$file\" = trace.lacuna ] || cp -R \"$file\" \(quoted(scratch)); done; "
                + "chmod -R a+rwX \(quoted(scratch))",
            failing: "its scratch folder cannot be made"
        )
        if let prepare = workload.prepare {
            try run(
                "cd \(quoted(scratch)) && \(prepare) > \(quoted(errors)) 2>&1",
                failing: "'\(prepare)' failed; see \(errors)"
            )
        }
        let recording =
            "\(quoted(try absolute("/proc/self/exe"))) record -o \(quoted(trace)) -- \(workload.commandText)"
        try run(
            "cd \(quoted(scratch)) && unset OLDPWD && \(recording) > \(quoted(out)) 2> \(quoted(errors)) < /dev/null",
            failing: "the program failed; see \(errors)"
        )
        if let check = workload.check {
            try run("cd \(quoted(scratch)) && OUT=\(quoted(out)); \(check)", failing: "its check failed; see \(out)")
        }
        do {
            try TraceRewriter.recompress(trace, to: workload.tracePath)
            let reader = try TraceReader(path: workload.tracePath)
            var calls: UInt64 = 0
            while let block = try reader.nextBlock() {
                if case .events(let batch) = block { calls += UInt64(batch.count) }
            }
            return calls
        } catch {
            throw CommandFailure(error.description)
        }
    }

    /// Runs a line of bash in the environment every workload gets.
    private func run(_ script: String, failing message: String) throws(CommandFailure) {
        let home = "\(CorpusRecorder.scratchRoot)/\(workload.name)"
        let words = [
            "/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(home)", "LC_ALL=C",
            "TZ=UTC",
            "/bin/bash", "-c", script,
        ]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        let problem = posix_spawn(&pid, "/usr/bin/env", nil, nil, &arguments, &environment)
        guard problem == 0 else {
            throw CommandFailure("\(workload.name): /usr/bin/env: \(String(cString: strerror(problem)))")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw CommandFailure("\(workload.name): \(message)") }
    }

    private func absolute(_ path: String) throws(CommandFailure) -> String {
        guard let resolved = realpath(path, nil) else {
            throw CommandFailure("\(path): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func quoted(_ word: String) -> String {
        "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
