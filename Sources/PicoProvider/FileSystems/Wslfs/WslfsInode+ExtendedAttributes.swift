// Extended attributes of wslfs: one EA each with the prefix `LX.` (FSNOTES), and the case flag of directories.
import LinuxABI
import NTKernel

extension WslfsInode {
    /// `system.wsl_case_sensitive` reads and sets the directory flag (RN:17692).
    static let caseAttribute = "system.wsl_case_sensitive"
    private static let prefix = "LX."
    private static let createOnly = UInt32(truncatingIfNeeded: ABI.constant("XATTR_CREATE"))
    private static let replaceOnly = UInt32(truncatingIfNeeded: ABI.constant("XATTR_REPLACE"))

    func wslfsAttribute(_ name: String) throws(LxFailure) -> [UInt8] {
        if name == Self.caseAttribute {
            guard isDirectory else { throw .errno(.ENODATA) }
            var information: FileCaseSensitiveInformation?
            try withHandle(.fileReadAttributes) { nt.NtQueryInformationFile($0, &information) }
            return Array((information?.isCaseSensitive == true ? "1" : "0").utf8)
        }
        guard let value = try value(name) else { throw .errno(.ENODATA) }
        return value
    }

    func wslfsSetAttribute(_ name: String, _ value: [UInt8], flags: UInt32) throws(LxFailure) {
        if name == Self.caseAttribute { return try setCase(value) }
        if flags & (Self.createOnly | Self.replaceOnly) != 0 {
            let exists = try self.value(name) != nil
            if flags & Self.createOnly != 0, exists { throw .errno(.EEXIST) }
            if flags & Self.replaceOnly != 0, !exists { throw .errno(.ENODATA) }
        }
        // An EA without bytes would be none: a byte in front lets a value be empty (inferred).
        let change = ExtendedAttribute(name: Self.prefix + name, value: [1] + value)
        try withHandle(.fileWriteEA) { nt.NtSetEaFile($0, [change]) }
    }

    func wslfsAttributeNames() throws(LxFailure) -> [String] {
        var attributes: [ExtendedAttribute] = []
        do throws(LxFailure) {
            try withHandle(.fileReadEA) { scan($0, &attributes) }
        } catch {
            guard case .errno(.ENODATA) = error else { throw error }
        }
        // NTFS keeps names in upper case; they come back in lower case (RN:17639 for DrvFs, inferred here).
        return attributes.filter { $0.name.hasPrefix(Self.prefix) }
            .map { $0.name.dropFirst(Self.prefix.count).lowercased() }
    }

    /// All of them: a page at a time, and 64 KB for one that is longer.
    private func scan(_ handle: Handle, _ attributes: inout [ExtendedAttribute]) -> NTSTATUS {
        var batch: [ExtendedAttribute] = []
        var length = 4096
        var restarts = true
        while true {
            let status = nt.NtQueryEaFile(handle, length: length, restartScan: restarts, attributes: &batch)
            restarts = false
            attributes += batch
            switch status {
            case .STATUS_SUCCESS, .STATUS_BUFFER_OVERFLOW: length = 4096
            case .STATUS_BUFFER_TOO_SMALL where length == 4096: length = 0x10000
            case .STATUS_NO_MORE_EAS: return .STATUS_SUCCESS
            default: return status
            }
        }
    }

    func wslfsRemoveAttribute(_ name: String) throws(LxFailure) {
        guard try value(name) != nil else { throw .errno(.ENODATA) }
        let change = ExtendedAttribute(name: Self.prefix + name, value: [])
        try withHandle(.fileWriteEA) { nt.NtSetEaFile($0, [change]) }
    }

    private func value(_ name: String) throws(LxFailure) -> [UInt8]? {
        var attributes: [ExtendedAttribute] = []
        do throws(LxFailure) {
            try withHandle(.fileReadEA) {
                nt.NtQueryEaFile($0, names: [Self.prefix + name], attributes: &attributes)
            }
        } catch {
            guard case .errno(.ENODATA) = error else { throw error }
        }
        guard let value = attributes.first?.value, !value.isEmpty else { return nil }
        return Array(value.dropFirst())
    }

    private func setCase(_ value: [UInt8]) throws(LxFailure) {
        guard isDirectory else { throw .errno(.EINVAL) }
        let wanted: Bool
        switch value {
        case Array("1".utf8): wanted = true
        case Array("0".utf8): wanted = false
        default: throw .errno(.EINVAL)
        }
        try withHandle(.fileWriteAttributes) {
            nt.NtSetInformationFile($0, .caseSensitive(FileCaseSensitiveInformation(isCaseSensitive: wanted)))
        }
    }
}
