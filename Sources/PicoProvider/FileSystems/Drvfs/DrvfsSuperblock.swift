// drvfs: a Windows volume as it is, with Linux metadata only where it was asked for.
import LinuxABI
import NTKernel

final class DrvfsSuperblock: WslfsSuperblock {
    let settings: DrvfsOptions
    let build: WSL1Build
    /// The drive; `\` for a share.
    let letter: Character
    /// What it shows, as Windows names it: `C:`, `C:\Users`, `\\server\share`.
    let windowsRoot: String

    init(
        nt: NTExecutive,
        volume: NtfsVolume,
        letter: Character,
        windowsRoot: String,
        folder: String,
        source: String,
        data: String,
        settings: DrvfsOptions,
        build: WSL1Build,
        device: UInt64
    ) throws(LxFailure) {
        self.settings = settings
        self.build = build
        self.letter = letter
        self.windowsRoot = windowsRoot
        // Names that differ in case may be one file.
        try super.init(
            nt: nt,
            volume: volume,
            folder: folder,
            type: "drvfs",
            source: source,
            options: data,
            device: device,
            cachesNames: false
        )
    }

    override func makeInode(_ information: FileStatLxInformation) -> WslfsInode {
        DrvfsInode(superblock: self, information)
    }
}

/// `mount -t drvfs` of a drive of the machine, of a folder on one, or of a share.
final class DrvfsFileSystem: VfsFileSystemType {
    let name = "drvfs"
    private unowned let machine: LxMachine

    init(_ machine: LxMachine) { self.machine = machine }

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        let path = source.replacing("/", with: "\\")
        var parts = path.split(separator: "\\").map(String.init)
        let volume: NtfsVolume
        let (letter, windowsRoot): (Character, String)
        if path.hasPrefix("\\\\") {
            volume = try share(parts)
            (letter, windowsRoot) = ("\\", path)
            parts.removeFirst(2)
        } else {
            guard let drive = parts.first, drive.count == 2, drive.last == ":", let first = drive.uppercased().first,
                let found = machine.drive(first)
            else { throw .errno(LxpStatus.translate(.STATUS_OBJECT_PATH_NOT_FOUND)) }
            volume = found
            parts.removeFirst()
            (letter, windowsRoot) = (first, ([String(first) + ":"] + parts).joined(separator: "\\"))
        }
        let build = context.engine.build
        // The registry value came with 17110.
        let isAllowed = build < WSL1Build(17110) || machine.allowsForcedCase
        let settings = try DrvfsOptions(data, build: build, allowsForce: isAllowed && !parts.isEmpty)
        return try DrvfsSuperblock(
            nt: machine.kernel,
            volume: volume,
            letter: letter,
            windowsRoot: windowsRoot,
            folder: parts.map { "\\" + $0 }.joined(),
            source: source,
            data: data,
            settings: settings,
            build: build,
            device: context.engine.nextDevice()
        )
    }

    /// `\\\\server\\share`; what it cannot name is no path of the network.
    private func share(_ parts: [String]) throws(LxFailure) -> NtfsVolume {
        guard parts.count >= 2 else { throw .errno(LxpStatus.translate(.STATUS_BAD_NETWORK_PATH)) }
        var volume: NtfsVolume?
        try LxpStatus.check(machine.kernel.MupResolve(server: parts[0], share: parts[1], volume: &volume))
        guard let volume else { throw .errno(.ENOENT) }
        return volume
    }
}
