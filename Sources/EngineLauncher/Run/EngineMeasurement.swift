// What an engine costs: time until it answers, memory while it idles, file I/O. Taken with a clock and a scale.
import FoundationEssentials
import Glibc

public struct EngineMeasurement: Sendable, Hashable {
    /// Seconds from the start command to the first answer of a program inside, of several starts.
    public var starts: [Double]
    /// Memory on this host of all the engine's processes, bytes, while one small program waits in it. nil: the engine is
    /// kept by another command.
    public var memory: UInt64?
    public var files: FileCosts
    /// Where the files lay, inside.
    public var folder: String
}

/// What `lacuna-init files` prints: nanoseconds for all the files together.
public struct FileCosts: Codable, Sendable, Hashable {
    public var files: Int
    public var fileBytes: Int
    public var largeBytes: Int
    public var create: Int
    public var stat: Int
    public var read: Int
    public var list: Int
    public var remove: Int
    public var writeLarge: Int
    public var readLarge: Int
}

extension EngineLauncher {
    /// Starts the engine several times and measures the last one.
    public func measure(starts count: Int = 3) throws(LaunchError) -> EngineMeasurement {
        guard definition.connect == nil, definition.files != .remote else {
            throw LaunchError("\(definition.name): runs elsewhere: it cannot be measured from here")
        }
        var launcher = self
        launcher.isCold = true
        var starts: [Double] = []
        var engine = try launcher.start()
        starts.append(engine.record.startSeconds)
        while starts.count < count {
            engine.stop()
            engine = try launcher.start()
            starts.append(engine.record.startSeconds)
        }
        defer { engine.stop() }
        return EngineMeasurement(
            starts: starts,
            memory: try engine.idleMemory(),
            files: try engine.fileCosts(),
            folder: engine.filesFolder
        )
    }
}

extension RunningEngine {
    /// Where replays and programs have their files.
    var filesFolder: String {
        if guest != nil { return "/replay" }
        return definition.bundle == nil ? "/var/tmp" : "/tmp"
    }

    fileprivate func idleMemory() throws(LaunchError) -> UInt64? {
        let program = try open([try initPath, "echo"], environment: [], folder: "/")
        defer { program.stop() }
        try program.send([0x2e])
        // It has started when the byte is back.
        guard case .output? = try program.next(milliseconds: Int(definition.startTimeout * 1000)) else { return nil }
        let keeper = (program as? HostProgram)?.keeper ?? guest?.keeper
        return keeper.map { ProcessEntry.memory(below: $0) }
    }

    fileprivate func fileCosts() throws(LaunchError) -> FileCosts {
        let program = try open([try initPath, "files", filesFolder], environment: [], folder: "/")
        let result = try program.collect(seconds: 60)
        guard result.status == 0 else {
            throw LaunchError(
                "\(name): file I/O cannot be measured: \(lastLine(result.errors) ?? "no answer within 60 s")"
            )
        }
        do { return try JSONDecoder().decode(FileCosts.self, from: Data(result.output)) } catch {
            throw LaunchError("\(name): lacuna-init files: its answer cannot be read")
        }
    }
}
