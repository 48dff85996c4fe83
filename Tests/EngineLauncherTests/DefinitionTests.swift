// engine.yaml: what is understood, what is refused, and in which words.
import EngineLauncher
import Foundation
import Testing

@Suite struct DefinitionTests {
    @Test func theBuiltInOnesAreWhole() {
        let names = EngineCatalog.builtIn.map(\.name)
        #expect(
            names == [
                "native", "gvisor", "qemu-user", "uml", "wsl2", "proot", "valgrind", "crun", "docker-default",
            ]
        )
        for engine in EngineCatalog.builtIn where engine.name != "native" { #expect(!engine.packages.isEmpty) }
    }

    @Test func tenLinesAreEnough() throws {
        let yaml = """
            name: starnix
            summary: Fuchsia's Linux, behind ssh
            start: [ssh, box, "{program}"]
            prepare: ["scp $LACUNA_AGENT box:/tmp/lacuna-agent"]
            files: remote
            agent: /tmp/lacuna-agent
            start-timeout: 30
            """
        let engine = try EngineDefinition(yaml: yaml, file: "starnix.yaml")
        #expect(engine.name == "starnix")
        #expect(engine.start == ["ssh", "box", "{program}"])
        #expect(engine.files == .remote)
        #expect(engine.startTimeout == 30)
    }

    static let broken: [(yaml: String, complaint: String)] = [
        ("", "x.yaml: is no engine definition"),
        ("[a, b]", "x.yaml: is no engine definition"),
        ("name: a\nstart: {", "x.yaml: "),
        ("start: [a, \"{program}\"]", "x.yaml: 'name' is missing"),
        ("name: a", "x.yaml: give either start (a command) or connect"),
        ("name: ../a\nstart: [a, \"{program}\"]", "x.yaml: name: '../a'"),
        ("name: a\nstart: [a]", "x.yaml: start: one word must be"),
        ("name: a\nstart: [a, \"{program}\"]\ncolour: red", "x.yaml: unknown key 'colour'"),
        ("name: a\nstart: [a, \"{program}\"]\nline: pigeon", "x.yaml: line: "),
        ("name: a\nstart: [a, \"{program}\"]\nprocessors: many", "x.yaml: processors: "),
        ("name: a\nstart: [a, \"{program}\"]\nstart-timeout: 0", "x.yaml: start-timeout: "),
        ("name: a\nstart: [a, \"{program}\"]\nnamespaces: [CLONE_NEWMOON]", "x.yaml: namespaces: 'CLONE_NEWMOON'"),
        ("name: a\nconnect: http://x", "x.yaml: connect: "),
        // Each level doubles what an alias stands for.
        (
            "a: &a [x, x]\nb: &b [*a, *a]\nname: a\nstart: *b",
            "x.yaml: unknown key 'a'"
        ),
    ]

    @Test(arguments: broken) func brokenOnesAreRefusedInOneLine(yaml: String, complaint: String) {
        #expect {
            try EngineDefinition(yaml: yaml, file: "x.yaml")
        } throws: { error in
            let text = "\(error)"
            return text.hasPrefix(complaint) && !text.contains("\n")
        }
    }

    @Test func noiseNeverCrashes() {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "name: ", "start: ", "[", "]", "{", "}", "&a ", "*a", "\n", "\t", "- ", ": ", "\"", "'", "\0", "é", "|\n",
            "x",
        ]
        for _ in 0..<300 {
            let text = (0..<12).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            _ = try? EngineDefinition(yaml: text, file: "noise")
        }
    }

    @Test func whatIsNoFileIsNotRead() throws {
        #expect { try EngineCatalog.find("/dev/zero") } throws: {
            "\($0)".hasPrefix("/dev/zero: is no engine definition")
        }
        #expect { try EngineCatalog.find("/none.yaml") } throws: { "\($0)".hasPrefix("/none.yaml: No such file") }
        #expect(try EngineCatalog.find("never-heard-of") == nil)
    }

    @Test(arguments: ["agent://", "agent://tcp:1", "agent://unix:", "agent://ftp:x"])
    func addressesAreChecked(address: String) {
        #expect { try EngineCatalog.find(address) } throws: { "\($0)".hasPrefix(address + ": give agent://unix:PATH") }
    }

    @Test func addressesAreUnderstood() throws {
        #expect(try definition("agent://unix:/run/agent").connect == "unix:/run/agent")
        #expect(try definition("agent://tcp:[::1]:9000").connect == "tcp:[::1]:9000")
        #expect(try definition("agent://exec:ssh box agent").start.last == "ssh box agent")
    }

    @Test func aMissingPackageIsNamed() throws {
        var engine = try definition("gvisor")
        engine.programs = ["no-such-sandbox"]
        let installation = EngineInstallation(of: engine)
        #expect(!installation.isInstalled)
        #expect(installation.hint == "apt-get install runsc")
        #expect { try EngineLauncher(engine).start() } throws: {
            "\($0)" == "gvisor is not installed; apt-get install runsc"
        }
    }
}
