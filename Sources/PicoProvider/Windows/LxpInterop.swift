// A PE image in execve: binfmt_misc names /init, which has the service create a Windows process (RN:14951, INIT).
import Engine
import LinuxABI
import NTKernel

/// Runs `image`, whose interpreter is /init, on the Windows side; the calling process becomes the relay.
func LxpStartWindowsProgram(
    _ c: LxpCall,
    path: String,
    named: VfsLocation,
    image: VfsLocation,
    arguments: [String],
    environment: [String]
) throws(LxFailure) -> Int64 {
    let engine = c.engine
    guard engine.session.hasInterop else {
        throw .unsupported(.ENOEXEC, note: "interop is turned off in wsl.conf", source: "DOC:wsl-config.md")
    }
    // The bus hands a path over; a file that Windows cannot name cannot be started.
    guard let program = engine.windowsPath(of: image) else {
        throw .unsupported(.EACCES, note: "the program is on no Windows drive", source: "inferred")
    }
    let relay: LxThread = c.thread
    let directory = engine.windowsPath(of: relay.fs.workingDirectory)
    var thread: EThread?
    var file = Handle.null
    // Windows loads it as an image, and refuses what only begins like one.
    if let inode = image.inode as? WslfsInode { try LxpStatus.check(inode.openByReference(.fileExecute, &file)) }
    let status = engine.kernel.NtCreateUserProcess(
        imageName: program,
        commandLine: ([program] + arguments.dropFirst()).joined(separator: " "),
        image: file,
        token: engine.user,
        thread: &thread
    )
    if file != .null { engine.kernel.NtClose(file) }
    try LxpStatus.check(status)
    guard let thread else { throw .errno(.EIO) }
    LxpReplaceImage(
        c,
        path: "/init",
        named: named,
        image: image,
        arguments: ["/init", path] + arguments,
        environment: LxpStringList(environment)
    )
    engine.machine.programs.append(
        WindowsProgram(
            thread: thread,
            image: program,
            arguments: Array(arguments.dropFirst()),
            // A warning, and a Windows directory, for a directory that Windows cannot name (behaviours.md §4).
            workingDirectory: directory ?? "C:\\Windows",
            environment: LxpWindowsEnvironment(c, environment),
            relay: relay,
            engine: engine
        )
    )
    c.partial("runs on the Windows side; /init relays its handles and its exit status", "RN:14951;INIT")
    c.support = .handled
    return 0
}

/// Variables that WSLENV names, with their flags (RN:17063): `p` a path, `l` a list of paths, `u` only into Linux, `w`
/// only into Windows.
private func LxpWindowsEnvironment(_ c: LxpCall, _ environment: [String]) -> [String] {
    guard c.engine.build >= WSL1Build(17063) else { return [] }
    var values: [String: String] = [:]
    for entry in environment {
        let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    var result: [String] = []
    for word in (values["WSLENV"] ?? "").split(separator: ":") {
        let parts = word.split(separator: "/", maxSplits: 1)
        let flags = parts.count > 1 ? parts[1] : ""
        guard let name = parts.first.map(String.init), let value = values[name], !flags.contains("u") else { continue }
        if flags.contains("l") {
            let paths = value.split(separator: ":").compactMap { LxpWindowsName(c, String($0)) }
            result.append("\(name)=\(paths.joined(separator: ";"))")
        } else if flags.contains("p") {
            guard let path = LxpWindowsName(c, value) else { continue }
            result.append("\(name)=\(path)")
        } else {
            result.append("\(name)=\(value)")
        }
    }
    return result
}

private func LxpWindowsName(_ c: LxpCall, _ path: String) -> String? {
    guard let location = try? c.walk(c.paths.path(path), from: c.cwd, follow: true) else { return nil }
    return c.engine.windowsPath(of: location)
}
