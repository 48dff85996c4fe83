// The executable: everything is in LacunaCommands, so that tests reach it.
import Glibc
import LacunaCommands

@main
enum Main {
    static func main() { exit(Lacuna.status(of: Array(CommandLine.arguments.dropFirst()))) }
}
