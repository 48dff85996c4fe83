// drvfs: a Windows volume as it is, with Linux metadata only where it was asked for.
import LinuxABI
import NTKernel

final class DrvfsSuperblock: WslfsSuperblock {
    let settings: DrvfsOptions
    let build: WSL1Build
    /// The drive.
    let letter: Character

    init(
        nt: NTExecutive,
        volume: NtfsVolume,
        letter: Character,
        source: String,
        data: String,
        settings: DrvfsOptions,
        build: WSL1Build,
        device: UInt64
    ) throws(LxFailure) {
        self.settings = settings
        self.build = build
        self.letter = letter
        // Names that differ in case may be one file.
        try super.init(
            nt: nt,
            volume: volume,
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

/// `mount -t drvfs` of a drive of the machine; there is no network.
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
        let settings = try DrvfsOptions(data, build: context.engine.build)
        let path = source.replacing("/", with: "\\")
        if path.hasPrefix("\\\\") {
            // STATUS_BAD_NETWORK_PATH: nobody answers.
            throw .errno(LxpStatus.translate(.STATUS_BAD_NETWORK_PATH))
        }
        guard let letter = path.uppercased().first, path.dropFirst().first == ":",
            path.dropFirst(2).allSatisfy({ $0 == "\\" }),
            let volume = machine.drive(letter)
        else { throw .errno(LxpStatus.translate(.STATUS_OBJECT_PATH_NOT_FOUND)) }
        return try DrvfsSuperblock(
            nt: machine.kernel,
            volume: volume,
            letter: letter,
            source: source,
            data: data,
            settings: settings,
            build: context.engine.build,
            device: context.engine.nextDevice()
        )
    }
}
