// Starts an engine: once more if the first start fails, and never without an answer from inside.
import Glibc

public struct EngineLauncher {
    public let definition: EngineDefinition
    public let configuration: WSLConfiguration
    /// Told what takes long: a kernel that is fetched.
    public var onProgress: (String) -> Void = { _ in }

    /// A machine that is kept warm is left alone: a start is a start.
    public var isCold = false

    /// - Parameter configuration: for engines that boot a kernel; the user's `.wslconfig`.
    public init(_ definition: EngineDefinition, configuration: WSLConfiguration = WSLConfiguration()) {
        self.definition = definition
        self.configuration = configuration
    }

    /// Starts the engine and asks it where it is.
    public func start() throws(LaunchError) -> RunningEngine {
        let installation = EngineInstallation(of: definition)
        if let hint = installation.hint { throw LaunchError("\(definition.name) is not installed; \(hint)") }
        for command in prepareCommands {
            let output = try CommandOutput(command, seconds: definition.startTimeout)
            guard output.status == 0 else {
                throw LaunchError(
                    "\(definition.name): '\(command.joined(separator: " "))' failed: \(lastLine(output.errors) ?? "no reason given")"
                )
            }
        }
        do throws(LaunchError) {
            return try attempt(version: installation.version, isSecond: false)
        } catch {
            // Start-up of sandboxes and machines fails under load now and then; twice is a finding.
            do throws(LaunchError) {
                return try attempt(version: installation.version, isSecond: true)
            } catch {
                throw LaunchError("\(definition.name): does not start: \(error)")
            }
        }
    }

    private var prepareCommands: [[String]] { definition.prepare.map { ["/bin/sh", "-c", $0] } }

    private func attempt(version: String?, isSecond: Bool) throws(LaunchError) -> RunningEngine {
        let begin = ContinuousClock.now
        var record = EngineRecord(engine: definition.name, version: version, startSeconds: 0, isSecondTry: isSecond)
        guard definition.connect == nil, definition.files != .remote else {
            return RunningEngine(
                definition,
                configuration,
                record: record,
                guest: nil
            )
        }
        var guest: Guest?
        if definition.line == .served {
            let boot = GuestBoot(definition: definition, configuration: configuration, onProgress: onProgress)
            if !isCold, let warm = try WarmMachine(definition.name).connect(window: definition.window) {
                guest = warm
            } else {
                let scratch = try ScratchFolder()
                guest = try boot.start(in: scratch)
            }
        }
        let engine = RunningEngine(
            definition,
            configuration,
            record: record,
            guest: guest
        )
        record.startSeconds = guest == nil ? 0 : (ContinuousClock.now - begin) / .seconds(1)
        let probe = try engine.open([try engine.initPath, "probe"], environment: [], folder: "/")
        let result = try probe.collect(seconds: definition.startTimeout)
        if guest == nil { record.startSeconds = (ContinuousClock.now - begin) / .seconds(1) }
        guard let status = result.status else {
            throw LaunchError("no answer within \(definition.startTimeout) s")
        }
        guard status == 0 else {
            throw LaunchError(
                lastLine(result.errors) ?? lastLine(result.output) ?? "it ended with wait status \(status)"
            )
        }
        record.inside = try EngineRecord.Surroundings(probed: result.output)
        engine.record = record
        return engine
    }
}
