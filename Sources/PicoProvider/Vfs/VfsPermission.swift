// The mode check that decides access to an inode.
import LinuxABI

enum VfsPermission {
    static let execute: UInt32 = 1
    static let write: UInt32 = 2
    static let read: UInt32 = 4

    /// EACCES unless the mode bits or a capability allow `mask`.
    static func check(_ inode: VfsInode, _ mask: UInt32, _ credentials: LxCredentials) throws(LxFailure) {
        let bits: UInt32 =
            if credentials.fsuid == inode.uid {
                inode.mode >> 6
            } else if credentials.isInGroup(inode.gid) {
                inode.mode >> 3
            } else {
                inode.mode
            }
        if bits & mask == mask { return }
        if credentials.has(.dacOverride), mask & execute == 0 || inode.isDirectory || inode.mode & 0o111 != 0 { return }
        if credentials.has(.dacReadSearch), mask == read || (inode.isDirectory && mask & write == 0) { return }
        throw .errno(.EACCES)
    }
}
