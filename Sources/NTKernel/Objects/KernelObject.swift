// The object header: type, name, reference counts. Every executive object derives from it.

/// `OBJECT_TYPE`s of this model.
public enum ObjectType: String, Sendable, CaseIterable {
    case directory = "Directory"
    case symbolicLink = "SymbolicLink"
    case device = "Device"
    case file = "File"
    case section = "Section"
    case event = "Event"
    case timer = "Timer"
    case process = "Process"
    case thread = "Thread"
    case token = "Token"
    case job = "Job"
}

/// An executive object with its header.
///
/// An object lives while its pointer count is above zero; each handle also holds one pointer reference
/// (*Windows Internals*, object manager).
public class KernelObject {
    public final let objectType: ObjectType
    /// Name in its object directory; nil for unnamed objects.
    public final internal(set) var objectName: String?
    /// `PointerCount`.
    public final internal(set) var pointerCount = 1
    /// `HandleCount`.
    public final internal(set) var handleCount = 0
    /// A permanent object survives its last reference (devices, directories).
    final var isPermanent = false
    /// The delete procedure ran.
    public final internal(set) var isDeleted = false

    init(type: ObjectType, name: String? = nil) {
        objectType = type
        objectName = name
    }

    /// The header of an object whose memory is used again.
    final func renew() {
        pointerCount = 1
        handleCount = 0
        isDeleted = false
    }

    /// `CloseProcedure`: one handle went away; `isLast` if it was the last.
    func handleClosed(isLast: Bool, by executive: NTExecutive) {}

    /// `DeleteProcedure`: the last reference went away.
    func deleted(by executive: NTExecutive) {}
}

/// A device in the object name space.
public final class DeviceObject: KernelObject {
    public enum DeviceType: Sendable { case disk, network, other }

    public let deviceType: DeviceType
    /// The volume mounted on a disk device.
    public internal(set) var volume: NtfsVolume?

    init(name: String, type: DeviceType) {
        deviceType = type
        super.init(type: .device, name: name)
        isPermanent = true
    }
}

/// A symbolic link of the object name space (`\??\C:`), not of a file system.
public final class ObjectSymbolicLink: KernelObject {
    /// Absolute path that the parse goes on with.
    public let target: String

    init(name: String, target: String) {
        self.target = target
        super.init(type: .symbolicLink, name: name)
        isPermanent = true
    }
}

/// `OBJECT_DIRECTORY`: names are case-insensitive here.
public final class ObjectDirectory: KernelObject {
    private(set) var entries: [String: KernelObject] = [:]

    init(name: String) {
        super.init(type: .directory, name: name)
        isPermanent = true
    }

    func insert(_ object: KernelObject, _ name: String) { entries[name.lowercased()] = object }
    func lookup(_ name: Substring) -> KernelObject? { entries[name.lowercased()] }
    func remove(_ name: String) { entries[name.lowercased()] = nil }
}
