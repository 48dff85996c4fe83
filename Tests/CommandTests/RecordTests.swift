// lacuna record as a user sees it: statuses, messages, and what the log says afterwards.
import Foundation
import Testing

@Suite(.serialized) struct RecordTests {
    @Test func theProgramKeepsItsOutputAndItsStatus() throws {
        try withFolder { folder in
            let log = folder + "/t.lacuna"
            let run = try lacuna("record", "-o", log, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
            #expect(run.status == 7)
            #expect(run.output == "out\n")
            #expect(run.errors == "err\n")
            #expect(try lacuna("verify", log).status == 0)
            let shown = try lacuna("show", log, "--call", "exit_group").output
            #expect(shown.contains("exit_group(7) = ?"))
            #expect(try lacuna("record", "-o", log, "--", "sh", "-c", "kill -9 $$").status == 137)
        }
    }

    @Test func whatCannotBeRecordedIsSaidInOneLineWithAShellsStatus() throws {
        try withFolder { folder in
            func expect(_ run: Run, _ status: Int32, _ words: String...) {
                #expect(run.status == status)
                #expect(
                    run.errors.hasPrefix("lacuna: ") && run.errors.split(separator: "\n").count == 1,
                    "\(run.errors)"
                )
                for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
            }
            let log = folder + "/t.lacuna"
            expect(try lacuna("record", "-o", log, "--", "no-such-program"), 127, "no-such-program")
            expect(try lacuna("record", "-o", log, "--", "/etc/passwd"), 126, "/etc/passwd", "Permission denied")
            expect(try lacuna("record", "-o", "\(folder)/no/t.lacuna", "--", "true"), 125, "\(folder)/no/t.lacuna")
            expect(try lacuna("record", "-o", "/dev/full", "--", "true"), 125, "/dev/full", "No space left")
            expect(try lacuna("record", "-o", log), 2, "after '--'")
            expect(try lacuna("record", "true"), 2, "after '--'")
            expect(try lacuna("record", "--payload", "lots", "--", "true"), 2, "lots")
            expect(try lacuna("record", "--results", "guess", "--", "true"), 2, "auto, ebpf, ptrace")
            expect(try lacuna("record", "--timeout", "0", "--", "true"), 2, "--timeout")
            expect(try lacuna("record", "--oci", "/tmp/s", "--", "true"), 2, "--oci")
        }
    }

    @Test func theSummaryIsJSONOnRequest() throws {
        try withFolder { folder in
            let run = try lacuna("record", "--json", "-o", folder + "/t.lacuna", "--", "true")
            let object = try JSONSerialization.jsonObject(with: Data(run.errors.utf8))
            let summary = try #require(object as? [String: Any])
            #expect(summary["exitStatus"] as? Int == 0)
            #expect(try #require(summary["calls"] as? Int) > 10)
        }
    }

    @Test func doctorSaysWhereItRunsAndWhatItCanRecord() throws {
        let text = try lacuna("doctor")
        #expect(text.status == 0)
        #expect(text.output.contains("seccomp notification"))
        let object = try JSONSerialization.jsonObject(with: Data(try lacuna("doctor", "--json").output.utf8))
        let findings = try #require(object as? [String: Any])
        #expect(["ebpf", "ptrace"].contains(try #require(findings["results"] as? String)))
        #expect(try #require(findings["checks"] as? [Any]).count > 5)
        #expect(findings["place"] is String)
    }
}
