// binfmt_misc: where init registers the PE format (INIT).
import LinuxABI

/// `mount -t binfmt_misc`.
final class BinfmtFileSystem: VfsFileSystemType {
    let name = "binfmt_misc"
    private var superblock: PseudoSuperblock?

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        if let superblock { return superblock }
        let made = PseudoSuperblock(
            type: name,
            device: context.engine.nextDevice(),
            source: source,
            magic: ABI.constantIfKnown("BINFMTFS_MAGIC") ?? 0x4249_4e4d,
            now: context.now
        )
        let root = PseudoFixedDirectory(made, permissions: 0o755)
        // Magic MZ, interpreter /init, keep argv[0]; no fix-binary flag on WSL 1.
        root.add(
            "WSLInterop",
            PseudoText(
                made,
                permissions: 0o644,
                .text { _ in "enabled\ninterpreter /init\nflags: P\noffset 0\nmagic 4d5a\n" },
                store: { _, _ throws(LxFailure) in throw .notModelled("changes of registered formats") }
            )
        )
        root.add(
            "register",
            PseudoText(
                made,
                permissions: 0o200,
                .text { _ in "" },
                store: { _, _ throws(LxFailure) in throw .notModelled("registering a binary format") }
            )
        )
        root.add(
            "status",
            PseudoText(
                made,
                permissions: 0o644,
                .text { _ in "enabled\n" },
                store: { _, _ throws(LxFailure) in throw .notModelled("switching binary formats off") }
            )
        )
        made.root = root
        superblock = made
        return made
    }
}
