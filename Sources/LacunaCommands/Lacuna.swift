// The root command.
public import ArgumentParser

/// `lacuna`: records system calls, replays them elsewhere, names what is missing.
public struct Lacuna: ParsableCommand {
    public static let configuration = CommandConfiguration(commandName: "lacuna")

    public init() {}
}
