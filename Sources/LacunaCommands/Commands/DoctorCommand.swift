// lacuna doctor: what this host can record, and where it runs.
import ArgumentParser
import Recorder
import Report

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this host can record, and where it runs.",
        discussion: """
            Looks at the kernel, at seccomp notification, eBPF, ptrace and the privileges of the caller, and tells a native \
            kernel from a container, WSL 1, WSL 2, gVisor, User Mode Linux and QEMU user mode. It changes nothing.

            EXAMPLES
              lacuna doctor
              sudo lacuna doctor
              lacuna doctor --json

            EXIT STATUS
              0  programs can be recorded here
              2  wrong usage
              3  nothing can be recorded here
            """
    )

    @Flag(help: "One JSON object: place, release, results, checks.")
    var json = false

    func run() throws {
        let findings = HostProbe.run()
        let report = DoctorReport(
            place: findings.place.rawValue,
            release: findings.release,
            results: findings.results,
            checks: findings.checks.map { .init(name: $0.name, verdict: $0.verdict.rawValue, detail: $0.detail) }
        )
        try StandardOutput.print(json ? report.json : report.render(Terminal.style))
        if findings.results == nil { throw ExitCode(ExitStatus.failure) }
    }
}
