// What lstat says, as the log has it.
import Glibc
import TraceLog

extension FileStatus {
    init(_ status: stat) {
        self.init()
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        uid = status.st_uid
        gid = status.st_gid
        specialDevice = UInt64(status.st_rdev)
        size = Int64(status.st_size)
        blockSize = Int64(status.st_blksize)
        blocks = Int64(status.st_blocks)
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        accessTime = nanoseconds(status.st_atim)
        modificationTime = nanoseconds(status.st_mtim)
        changeTime = nanoseconds(status.st_ctim)
    }
}
