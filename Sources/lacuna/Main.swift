// The executable: everything is in LacunaCommands, so that tests reach it.
import ArgumentParser
import LacunaCommands

@main
enum Main {
    static func main() { Lacuna.main() }
}
