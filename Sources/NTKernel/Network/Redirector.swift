// The multiple UNC provider: servers and the shares that they offer.

extension NTExecutive {
    /// A server of the network begins to offer a share: `\Device\Mup\server\share`.
    ///
    /// The redirector knows neither reparse points nor extended attributes nor hard links of it (UT:drvfs.c).
    @discardableResult
    public func MupAddShare(server: String, share: String) -> NtfsVolume {
        let key = Self.key(server)
        if let known = servers[key]?[Self.key(share)] { return known }
        let volume = IoMountVolume(label: share, features: .largeFiles)
        servers[key, default: [:]][Self.key(share)] = volume
        return volume
    }

    /// The volume behind `\\server\share`.
    ///
    /// - Returns: `STATUS_BAD_NETWORK_PATH` when no such server answers, `STATUS_BAD_NETWORK_NAME` when it has no such
    ///   share, and what is wrong with the share (``VolumeCondition``).
    public func MupResolve(server: String, share: String, volume: inout NtfsVolume?) -> NTSTATUS {
        ioStatistics.count(.create)
        let name = "\\Device\\Mup\\\(server)\\\(share)"
        guard let shares = servers[Self.key(server)] else {
            return trace("NtCreateFile", .name(name), .STATUS_BAD_NETWORK_PATH)
        }
        guard let found = shares[Self.key(share)] else {
            return trace("NtCreateFile", .name(name), .STATUS_BAD_NETWORK_NAME)
        }
        volume = found
        return trace("NtCreateFile", .name(name), found.condition.status(.create))
    }

    private static func key(_ name: String) -> String { name.lowercased() }
}
