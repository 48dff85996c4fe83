// Help is part of the interface: screens as literals, and rules that hold for all.
import Testing

@Suite struct HelpTests {
    @Test func enginesHelp() throws {
        #expect(
            try lacuna("engines", "--help").output == """
                OVERVIEW: List the engines that traces can be replayed on, and how to get those
                that are missing.

                Besides the built-in ones, NAME is looked up as NAME.yaml in
                $XDG_CONFIG_HOME/lacuna/engines, and --engine takes the path of an engine.yaml
                or agent://ADDRESS; docs/engines.md describes both.

                EXAMPLES
                  lacuna engines
                  lacuna engines --json | jq -r 'select(.installed | not) | .hint'

                EXIT STATUS
                  0  success; 'not installed' is no failure
                  3  one of the user's own definitions is broken

                USAGE: lacuna engines [--json]

                OPTIONS:
                  --json                  One JSON object per line: name, summary, installed,
                                          version, hint.
                  --version               Show the version.
                  -h, --help              Show help information.


                """
        )
    }

    @Test func cellsHelp() throws {
        #expect(
            try lacuna("cells", "--help").output == """
                OVERVIEW: List the cells that a trace exercises, or all known cells.

                A cell is what an engineer can implement: a call with one selector (a flag, a
                sub-command, an option, an address family, a class of paths, a file system
                type).

                EXAMPLES
                  lacuna cells bash.lacuna
                  lacuna cells --list | grep '^unshare'

                USAGE: lacuna cells [<file>] [--list] [--json]

                ARGUMENTS:
                  <file>                  A log written by 'lacuna record'.

                OPTIONS:
                  --list                  List every cell that the descriptions know.
                  --json                  One JSON object per line: cell, families, count.
                  --version               Show the version.
                  -h, --help              Show help information.


                """
        )
    }

    static let commands = [
        ["record"], ["doctor"], ["show"], ["info"], ["verify"], ["cells"], ["engines"], ["replay"], ["explain"],
        ["score"], ["facts"], ["run"],
        ["vm", "start"],
        ["vm", "stop"],
        ["vm", "status"],
        ["corpus", "record"],
        ["corpus", "packages"],
    ]

    @Test(arguments: commands) func everyCommandHasExamplesAndJSON(command: [String]) throws {
        let help = try command.count == 1 ? lacuna(command[0], "--help") : lacuna(command[0], command[1], "--help")
        #expect(help.status == 0)
        #expect(help.errors.isEmpty)
        #expect(help.output.contains("EXAMPLES\n  lacuna \(command.joined(separator: " "))"))
        #expect(help.output.contains("--json"))
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completionsComeWithTheProgram(shell: String) throws {
        let run = try lacuna("--generate-completion-script", shell)
        #expect(run.status == 0)
        #expect(run.output.contains("engines"))
    }

    @Test func theVersionIsPrinted() throws { #expect(try lacuna("--version").output == "lacuna 0.1.0\n") }
}
