// What `mount -t drvfs -o …` says (DOC:wsl-config.md).
import LinuxABI

struct DrvfsOptions {
    /// How names that differ only in case are told apart (RN:17093).
    enum Case: String {
        /// By each directory's flag; directories made from Linux get it.
        case directory = "dir"
        /// By each directory's flag; directories made from Linux do not get it.
        case off
        /// All names exactly as they are written; directories made from Linux get the flag.
        case force
    }

    /// Mode and owner live in extended attributes (RN:17063).
    var keepsMetadata = false
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var fileMask: UInt32 = 0
    var directoryMask: UInt32 = 0
    var casing: Case
    /// Opens were case-sensitive whatever the directory says, before directories had a flag (RN:14361).
    var ignoresCaseFlag = false

    /// - Parameter allowsForce: the registry value `DrvFsAllowForceCaseSensitivity`, and a folder that is no drive's root.
    init(_ data: String, build: WSL1Build, allowsForce: Bool = false) throws(LxFailure) {
        casing = build >= WSL1Build(17704) ? .off : .directory
        ignoresCaseFlag = build < WSL1Build(17093)
        var masks: (all: UInt32, file: UInt32?, directory: UInt32?) = (0, nil, nil)
        for option in data.split(separator: ",") {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count > 1 ? parts[1] : ""
            switch parts[0] {
            case "metadata" where build >= WSL1Build(17063): keepsMetadata = true
            case "uid": uid = try Self.number(value, 10)
            case "gid": gid = try Self.number(value, 10)
            case "umask": masks.all = try Self.number(value, 8)
            case "fmask": masks.file = try Self.number(value, 8)
            case "dmask": masks.directory = try Self.number(value, 8)
            case "case" where build >= WSL1Build(17093):
                if value == "force", !allowsForce {
                    throw .unsupported(
                        .EINVAL,
                        note: "case=force needs DrvFsAllowForceCaseSensitivity, and no root of a drive",
                        source: "RN:17110"
                    )
                }
                guard let known = Case(rawValue: value) else { throw .errno(.EINVAL) }
                casing = known
                if known == .force { ignoresCaseFlag = true }
            case "rw", "ro", "noatime": break
            default: throw .errno(.EINVAL)
            }
        }
        // fmask and dmask add to umask (inferred).
        fileMask = masks.all | (masks.file ?? 0)
        directoryMask = masks.all | (masks.directory ?? 0)
    }

    private static func number(_ text: String, _ radix: Int) throws(LxFailure) -> UInt32 {
        guard let value = UInt32(text, radix: radix) else { throw .errno(.EINVAL) }
        return value
    }
}
