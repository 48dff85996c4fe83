// What can happen to a volume from outside: media that go or change, disks that fail, servers that leave.

/// The state of the medium or server behind a volume. The codes are what ntstatus.h says of each; which of them a file
/// system passes on is inferred.
public enum VolumeCondition: String, Sendable, CaseIterable {
    case sound
    /// `FSCTL_DISMOUNT_VOLUME`, or a drive that was ejected.
    case dismounted
    /// A reader without a card.
    case empty
    /// A medium without a file system.
    case unformatted
    /// A disk that spins up.
    case notReady = "not-ready"
    /// Another medium is in the drive.
    case exchanged
    /// A drive that was pulled out.
    case unplugged
    /// Content cannot be read or written; names can.
    case badSectors = "bad-sectors"
    /// `$I30` does not check out: names cannot be read.
    case damagedIndex = "damaged-index"
    /// The boot sector and the file system's own files do not check out: it does not mount.
    case damaged
    /// A server that takes no more connections.
    case busy
    /// A server that ended the session.
    case disconnected
    /// A share that refuses the user.
    case refused

    enum Operation { case create, list, read, write }

    func status(_ operation: Operation) -> NTSTATUS {
        switch self {
        case .sound: .STATUS_SUCCESS
        case .dismounted: .STATUS_VOLUME_DISMOUNTED
        case .empty: .STATUS_NO_MEDIA_IN_DEVICE
        case .unformatted: .STATUS_UNRECOGNIZED_MEDIA
        case .notReady: .STATUS_DEVICE_NOT_READY
        // Files of the old medium are no longer any (`FcbBad`).
        case .exchanged: operation == .create ? .STATUS_WRONG_VOLUME : .STATUS_FILE_INVALID
        case .unplugged: operation == .create ? .STATUS_DEVICE_DOES_NOT_EXIST : .STATUS_DEVICE_NOT_CONNECTED
        case .badSectors:
            switch operation {
            case .read: .STATUS_CRC_ERROR
            case .write: .STATUS_IO_DEVICE_ERROR
            case .create, .list: .STATUS_SUCCESS
            }
        case .damagedIndex: operation == .read || operation == .write ? .STATUS_SUCCESS : .STATUS_FILE_CORRUPT_ERROR
        case .damaged: .STATUS_DISK_CORRUPT_ERROR
        case .busy: .STATUS_NETWORK_BUSY
        case .disconnected: .STATUS_NETWORK_NAME_DELETED
        case .refused: .STATUS_NETWORK_ACCESS_DENIED
        }
    }
}
