// drvfs: a Windows volume as it is, with Linux metadata only where it was asked for.
import LinuxABI
import NTKernel

final class DrvfsSuperblock: WslfsSuperblock {
    let settings: DrvfsOptions
    let build: WSL1Build

    init(
        nt: NTExecutive,
        volume: NtfsVolume,
        source: String,
        data: String,
        settings: DrvfsOptions,
        build: WSL1Build,
        device: UInt64
    ) throws(LxFailure) {
        self.settings = settings
        self.build = build
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

/// `mount -t drvfs`: the model's machine has an NTFS volume C: and a FAT volume D:, and no network.
final class DrvfsFileSystem: VfsFileSystemType {
    let name = "drvfs"
    private let nt: NTExecutive
    private var drives: [Character: NtfsVolume] = [:]

    init(nt: NTExecutive) { self.nt = nt }

    /// The volume behind a letter, made on first use: nothing of it is known before.
    func drive(_ letter: Character) -> NtfsVolume? {
        if let known = drives[letter] { return known }
        guard letter == "C" || letter == "D" else { return nil }
        let volume = nt.IoMountVolume(
            label: letter == "C" ? "Windows" : "Removable",
            features: letter == "C" ? .ntfs : []
        )
        drives[letter] = volume
        return volume
    }

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
            let volume = drive(letter)
        else { throw .errno(LxpStatus.translate(.STATUS_OBJECT_PATH_NOT_FOUND)) }
        return try DrvfsSuperblock(
            nt: nt,
            volume: volume,
            source: source,
            data: data,
            settings: settings,
            build: context.engine.build,
            device: context.engine.nextDevice()
        )
    }
}
