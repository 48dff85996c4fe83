// binfmt_misc: where init registers the PE format (INIT), and programs others (RN:16273).
import LinuxABI

/// A registered format: what a file starts with, and who runs it.
struct LxBinaryFormat {
    var name: String
    var offset: Int
    var magic: [UInt8]
    /// As long as the magic; empty: all bits.
    var mask: [UInt8]
    var interpreter: String
    /// `P` keep argv[0], `O` pass a descriptor, `C` the credentials of the file.
    var flags: String
    var isEnabled = true

    func matches(_ head: [UInt8]) -> Bool {
        guard isEnabled, head.count >= offset + magic.count else { return false }
        return magic.indices.allSatisfy { index in
            let bits = mask.isEmpty ? 0xff : mask[index]
            return head[offset + index] & bits == magic[index] & bits
        }
    }

    /// As the kernel prints an entry (fs/binfmt_misc.c).
    var text: String {
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let order = "POC".filter { flags.contains($0) }
        let masked = mask.isEmpty ? "" : "mask \(hex(mask))\n"
        return "\(isEnabled ? "enabled" : "disabled")\ninterpreter \(interpreter)\nflags: \(order)\noffset \(offset)\n"
            + "magic \(hex(magic))\n\(masked)"
    }

    /// `:name:M:offset:magic:mask:interpreter:flags`; extensions (`E`) are not there.
    init(registration: String) throws(LxFailure) {
        guard let separator = registration.first else { throw .errno(.EINVAL) }
        let parts = registration.dropFirst().split(separator: separator, omittingEmptySubsequences: false)
            .map(String.init)
        guard parts.count >= 6, !parts[0].isEmpty, parts[1] == "M", !parts[3].isEmpty, parts[5].hasPrefix("/") else {
            throw .errno(.EINVAL)
        }
        name = parts[0]
        offset = Int(parts[2]) ?? 0
        magic = Self.bytes(parts[3])
        mask = Self.bytes(parts[4])
        interpreter = parts[5]
        flags = parts.count > 6 ? parts[6] : ""
        if flags.contains("F") {
            throw .unsupported(.EINVAL, note: "the fix-binary flag is not there", source: "microsoft/WSL binfmt.h")
        }
        guard flags.allSatisfy({ "POC".contains($0) }), mask.isEmpty || mask.count == magic.count else {
            throw .errno(.EINVAL)
        }
    }

    init(interop: Void) {
        name = "WSLInterop"
        offset = 0
        magic = Array("MZ".utf8)
        mask = []
        interpreter = "/init"
        flags = "P"
    }

    /// `\x7fELF`: bytes, some as hex escapes.
    private static func bytes(_ text: String) -> [UInt8] {
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), rest.count >= 3, rest.first == UInt8(ascii: "x"),
                let value = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
            else {
                out.append(byte)
                continue
            }
            out.append(value)
            rest = rest.dropFirst(3)
        }
        return out
    }
}

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
            now: context.now,
            cachesNames: false
        )
        made.root = BinfmtDirectory(made)
        superblock = made
        return made
    }
}

/// The formats, `register` and `status`.
private final class BinfmtDirectory: PseudoDirectory {
    init(_ superblock: PseudoSuperblock) { super.init(superblock, permissions: 0o755) }

    private func register() -> PseudoInode {
        PseudoText(
            pseudo,
            permissions: 0o200,
            .text { _ in "" },
            store: { text, context throws(LxFailure) in
                try context.engine.require(16273, "registering formats came with 16273", "RN:16273")
                let format = try LxBinaryFormat(registration: text)
                guard !context.engine.binaryFormats.contains(where: { $0.name == format.name }) else {
                    throw .errno(.EEXIST)
                }
                context.engine.binaryFormats.append(format)
            }
        )
    }

    private func status() -> PseudoInode {
        PseudoText(
            pseudo,
            permissions: 0o644,
            .text { $0.engine.areFormatsEnabled ? "enabled\n" : "disabled\n" },
            store: { text, context throws(LxFailure) in
                switch text {
                case "0": context.engine.areFormatsEnabled = false
                case "1": context.engine.areFormatsEnabled = true
                case "-1": context.engine.binaryFormats = []
                default: throw .errno(.EINVAL)
                }
            }
        )
    }

    private func entry(_ name: String) -> PseudoInode {
        PseudoText(
            pseudo,
            permissions: 0o644,
            .text { context throws(LxFailure) in
                guard let format = context.engine.binaryFormats.first(where: { $0.name == name }) else {
                    throw .errno(.ENOENT)
                }
                return format.text
            },
            store: { text, context throws(LxFailure) in
                guard let index = context.engine.binaryFormats.firstIndex(where: { $0.name == name }) else {
                    throw .errno(.ENOENT)
                }
                switch text {
                case "0": context.engine.binaryFormats[index].isEnabled = false
                case "1": context.engine.binaryFormats[index].isEnabled = true
                case "-1": context.engine.binaryFormats.remove(at: index)
                default: throw .errno(.EINVAL)
                }
            }
        )
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] {
        context.engine.binaryFormats.map { ($0.name, entry($0.name)) } + [
            ("register", register()), ("status", status()),
        ]
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        switch name {
        case "register": return register()
        case "status": return status()
        default:
            guard context.engine.binaryFormats.contains(where: { $0.name == name }) else { throw .errno(.ENOENT) }
            return entry(name)
        }
    }
}
