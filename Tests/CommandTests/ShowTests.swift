// lacuna show, info, verify and cells on a log made by hand.
import Foundation
import Testing

@Suite struct ShowTests {
    func show(_ arguments: String...) throws -> Run {
        try withFolder { folder in
            let path = folder + "/t.lacuna"
            try writeLog(path)
            switch arguments.count {
            case 0: return try lacuna("show", path)
            case 1: return try lacuna("show", path, arguments[0])
            case 2: return try lacuna("show", path, arguments[0], arguments[1])
            default: return try lacuna("show", path, arguments[0], arguments[1], arguments[2])
            }
        }
    }

    @Test func aTraceReadsLikeStrace() throws {
        let run = try show()
        #expect(run.errors.isEmpty)
        #expect(
            run.lines == [
                "  [pid 100] +++ started +++",
                "0 [pid 100] openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3 <0.000012>",
                "1 [pid 100] unshare(CLONE_NEWUSER) = -1 EINVAL (Invalid argument) <0.000012>",
                "2 [pid 100] fork() = 101 <0.000012>",
                "  [pid 101] +++ created by pid 100, call 2 +++",
                "3 [pid 101] getppid() = 100 <0.000012>",
                "4 [pid 101] exit_group(3) = ?",
                "  [pid 101] +++ exited with 3 +++",
                "  [pid 100] --- SIGCHLD {si_code=1} default action ---",
                "5 [pid 100] close(9) = -1 EBADF (Bad file descriptor) <0.000012>",
            ]
        )
    }

    @Test func filtersCombine() throws {
        func indexes(_ run: Run) -> [Substring] { run.lines.compactMap { $0.split(separator: " ").first } }
        #expect(indexes(try show("--call", "openat,close")) == ["0", "5"])
        #expect(indexes(try show("--errno", "any")) == ["1", "5"])
        #expect(indexes(try show("--errno", "ebadf")) == ["5"])
        #expect(indexes(try show("--family", "namespaces")) == ["1"])
        #expect(indexes(try show("--path", "passwd")) == ["0"])
        #expect(indexes(try show("--pid", "101")) == ["[pid", "3", "4", "[pid"])
        #expect(indexes(try show("--index", "1..2")) == ["1", "2"])
        #expect(indexes(try show("--limit", "2")) == ["[pid", "0"])
    }

    @Test func jsonIsOneObjectPerLine() throws {
        let objects = try show("--json").lines.map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let calls = objects.filter { $0["type"] as? String == "call" }
        #expect(calls.map { $0["name"] as? String } == ["openat", "unshare", "fork", "getppid", "exit_group", "close"])
        let unshare = calls[1]
        #expect(unshare["index"] as? Int == 1)
        #expect(unshare["task"] as? Int == 0)
        #expect(unshare["pid"] as? Int == 100)
        #expect(unshare["tid"] as? Int == 100)
        #expect(unshare["result"] as? Int == -22)
        #expect(unshare["errno"] as? String == "EINVAL")
        #expect(unshare["args"] as? [String] == ["CLONE_NEWUSER"])
        #expect(unshare["cells"] as? [String] == ["unshare(CLONE_NEWUSER)"])
        #expect(unshare["duration"] as? Int == 12_800)
        #expect(calls[4]["flags"] as? [String] == ["unfinished"])
        #expect(calls[4]["result"] == nil)
        #expect(objects.filter { $0["type"] as? String == "task" }.count == 3)
        #expect(objects.first { $0["type"] as? String == "signal" }?["name"] as? String == "SIGCHLD")
    }

    @Test func infoCellsAndVerifyTellOfTheSameLog() throws {
        try withFolder { folder in
            let path = folder + "/t.lacuna"
            try writeLog(path)
            let info = try lacuna("info", path)
            #expect(info.output.contains("6 in 0.000 s"))
            #expect(info.output.contains("2 processes, 0 further threads"))
            let object = try JSONSerialization.jsonObject(with: Data(try lacuna("info", path, "--json").output.utf8))
            #expect((object as? [String: Any])?["calls"] as? Int == 6)
            let cells = try lacuna("cells", path)
            #expect(cells.output.contains("1  unshare(CLONE_NEWUSER)  namespaces"))
            let verify = try lacuna("verify", path)
            #expect(verify.status == 0)
            #expect(verify.output.contains("whole, 6 calls"))
        }
    }

    @Test func everyKnownCellHasOneLine() throws {
        let lines = try lacuna("cells", "--list").lines
        #expect(lines.contains("unshare(CLONE_NEWUSER)  namespaces"))
        #expect(Set(lines).count == lines.count)
    }
}
