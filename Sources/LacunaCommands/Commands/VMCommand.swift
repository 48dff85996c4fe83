// lacuna vm: keeps the virtual machine of wsl2 up between commands.
import ArgumentParser
import EngineLauncher
import Report

struct VMCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vm",
        abstract: "Keep the virtual machine of wsl2 warm between commands.",
        discussion: """
            A machine that is up is used by every command with --engine wsl2, one at a time; without one, each command \
            boots its own. The kernel is Debian's cloud kernel, fetched once into $XDG_CACHE_HOME/lacuna and never \
            installed. KVM is used if a guest really boots with it.

            EXAMPLES
              lacuna vm start
              lacuna vm status --json
              lacuna vm stop
            """,
        subcommands: [StartCommand.self, StopCommand.self, StatusCommand.self]
    )
}

private func define(_ name: String) throws -> EngineDefinition {
    guard let definition = try EngineCatalog.find(name) else { throw EngineRegistry.unknown(name) }
    return definition
}

/// `--engine` and `--json` of all three.
struct VMOption: ParsableArguments {
    @Option(help: "The engine whose machine is meant.")
    var engine = "wsl2"
    @Flag(help: "One JSON object.")
    var json = false

    func print(_ status: WarmMachine.Status) throws {
        if json {
            var line = JSONLine()
            line.add("engine", status.engine)
            line.add("keeper", status.keeper)
            line.add("kernel", status.kernel)
            line.add("accelerator", status.accelerator)
            line.add("memory", status.memory)
            line.add("processors", status.processors)
            line.add("bootMilliseconds", Int(status.bootSeconds * 1000))
            line.add("upMilliseconds", Int(status.upSeconds * 1000))
            line.add("residentBytes", status.residentBytes)
            try StandardOutput.print(line.finished + "\n")
            return
        }
        try StandardOutput.print(
            """
            \(status.engine) is up since \(Int(status.upSeconds)) s
              kernel       \(status.kernel)
              accelerator  \(status.accelerator)
              memory       \(status.memory) given, \(status.residentBytes >> 20) MiB used of this host
              processors   \(status.processors)
              boot         \(Int(status.bootSeconds * 1000)) ms until the guest answered

            """
        )
    }
}

extension VMCommand {
    struct StartCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start",
            abstract: "Boot the machine and leave it up.",
            discussion: """
                EXAMPLES
                  lacuna vm start
                  lacuna vm start --wslconfig ./.wslconfig
                """
        )
        @OptionGroup var option: VMOption
        @OptionGroup var machine: MachineOption

        func run() throws {
            let configuration = try machine.configuration
            for key in configuration.ignored { StandardError.line(".wslconfig: \(key) has no meaning here") }
            let status = try WarmMachine(option.engine)
                .start(try define(option.engine), configuration) { StandardError.line($0) }
            try option.print(status)
        }
    }

    struct StopCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop",
            abstract: "End the machine.",
            discussion: """
                EXAMPLES
                  lacuna vm stop

                EXIT STATUS
                  0  it was up, and is ended
                  1  none was up
                """
        )
        @OptionGroup var option: VMOption

        func run() throws {
            guard try WarmMachine(option.engine).stop() else {
                throw CommandFailure("no machine of \(option.engine) is up", status: ExitStatus.found)
            }
        }
    }

    struct StatusCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Say whether the machine is up, what it was given, and how long it took to boot.",
            discussion: """
                EXAMPLES
                  lacuna vm status
                  lacuna vm status --json | jq .bootMilliseconds

                EXIT STATUS
                  0  it is up
                  1  none is up
                """
        )
        @OptionGroup var option: VMOption

        func run() throws {
            guard let status = try WarmMachine(option.engine).status() else {
                throw CommandFailure(
                    "no machine of \(option.engine) is up; 'lacuna vm start' boots one",
                    status: ExitStatus.found
                )
            }
            try option.print(status)
        }
    }
}
