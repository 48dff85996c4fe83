// lacuna wsl: distributions and instances of the modelled WSL 1, driven as wsl.exe is.
import ArgumentParser
import PicoProvider
import Report

struct WslCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wsl",
        abstract: "Start instances of WSL 1 in the model, run recorded programs in them, end them.",
        discussion: """
            Takes what wsl.exe takes. Distributions are folders of this host with a root file system; they are only read. \
            Their list is kept in $XDG_STATE_HOME/lacuna/wsl (default ~/.local/state). The model is no daemon: an instance \
            lives within one command. --script runs several command lines on one machine, where instances stay up between \
            them, time passes by 'advance 20s', and idle instances stop as the service stops them.

            DISTRIBUTIONS AND INSTANCES
              --import NAME FOLDER      register FOLDER as a distribution
              --unregister NAME, --set-default NAME (-s), --upgrade NAME
              --list (-l) [--verbose (-v)] [--running] [--quiet (-q)], --status
              [-d NAME]                 start an instance and show how init did it
              [-d NAME] TRACE           run the recorded program in it
              [--user NAME (-u)] [--cd FOLDER, ~] before TRACE: as whom, and where
              --terminate NAME (-t), --shutdown

            A program's files are those that its recording proves, laid over the distribution's: the rest of the \
            distribution is there too, with init's mounts in place of the recording's. --explain shows every step of \
            the start with its source, its NT calls, and a '?' where no source says so.

            EXAMPLES
              lacuna wsl --import debian /srv/debian
              lacuna wsl --list --verbose
              lacuna wsl -d debian git.lacuna
              lacuna wsl --explain
              printf '%s\\n' '-d debian' 'advance 20s' '--list --running' | lacuna wsl --script -

            EXIT STATUS
              0  done; a program ran as recorded
              1  its calls diverged
              2  wrong usage
              3  something could not be done; one line on standard error says what
            """
    )

    @Option(help: "The build of Windows.")
    var build = WSL1Engine.builds.last ?? 19045
    @Option(
        help: ArgumentHelp("Run the command lines of this file; '-' is standard input.", valueName: "file"),
        completion: .file()
    )
    var script: String?
    @Flag(help: "Start as a plain user, not as an administrator.")
    var plain = false
    @Flag(help: "Show every step of starting and stopping, with sources and NT calls.")
    var explain = false
    @Flag(help: "One JSON object per line.")
    var json = false
    @ArgumentParser.Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp("What wsl.exe takes, or a recording to run.", valueName: "words"),
        completion: .file(extensions: ["lacuna"])
    )
    var words: [String] = []

    func validate() throws {
        guard WSL1Engine.builds.contains(build) else {
            let known = WSL1Engine.builds.map(String.init).joined(separator: ", ")
            throw ValidationError("--build is one of \(known)")
        }
        if script != nil, !words.isEmpty {
            throw ValidationError("--script takes its command lines from the file alone")
        }
    }

    func run() throws {
        let session = try WslSession(build: build, isElevated: !plain, output: json ? .json : explain ? .steps : .text)
        if let script {
            for line in try WslSession.lines(of: script) { try session.perform(line) }
        } else {
            try session.perform(words)
        }
        if session.hasDivergence { throw ExitCode(ExitStatus.found) }
    }
}
