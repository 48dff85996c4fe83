// Superblocks without an engine around them: inode operations as the provider calls them.
import Engine
import LinuxABI
import NTKernel
import Testing

@testable import PicoProvider

final class FileSystemFixture {
    let engine = WSL1Engine()
    let context: VfsContext
    let wslfs: WslfsSuperblock
    let lxfs: LxfsSuperblock
    let tmpfs: TmpfsSuperblock

    init() throws {
        let context = VfsContext(engine: engine)
        context.credentials.fsuid = 1000
        context.credentials.fsgid = 100
        self.context = context
        engine.kernel.KeInitializeClock(systemTime: NTExecutive.epoch1970, interruptTime: 0)
        let volume = engine.kernel.IoMountVolume(label: "Windows")
        volume.installRoot(
            times: nil,
            extendedAttributes: WslfsMetadata.attributes(mode: VfsKind.directory.rawValue | 0o755, uid: 0, gid: 0),
            isCaseSensitive: true
        )
        wslfs = try WslfsSuperblock(nt: engine.kernel, volume: volume, device: 8)
        let old = engine.kernel.IoMountVolume(label: "Old")
        let mode = VfsKind.directory.rawValue | 0o755
        old.installRoot(
            times: nil,
            extendedAttributes: [LxfsAttributes(mode: mode, uid: 0, gid: 0, time: 0).extendedAttribute],
            isCaseSensitive: true
        )
        lxfs = try LxfsSuperblock(nt: engine.kernel, volume: old, type: "lxfs", device: 10)
        tmpfs = try TmpfsSuperblock(nt: engine.kernel, device: 9, source: "tmpfs", data: "mode=755", now: 0)
    }

    var nt: NTExecutive { engine.kernel }

    /// The root directory of the file system under test.
    func root(_ name: String) throws -> VfsInode {
        try #require(["wslfs": wslfs.root, "lxfs": lxfs.root, "tmpfs": tmpfs.root][name] ?? nil)
    }

    func open(_ inode: VfsInode, _ flags: UInt32 = 2) throws -> VfsFile {
        let file = try inode.open(flags, context)
        file.flags = flags
        return file
    }

    func write(_ file: VfsFile, _ text: String, at offset: Int64 = 0) throws {
        #expect(try file.write(VfsData(text), at: offset, context) == text.utf8.count)
    }

    func read(_ file: VfsFile, _ count: Int = 100, at offset: Int64 = 0) throws -> String? {
        try file.read(count, at: offset, context).bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    func names(_ directory: VfsInode) throws -> Set<String> {
        let file = try directory.open(0, context)
        defer { file.release(context) }
        return Set(try file.readDirectory(context).map(\.name))
    }

    func checkInvariants(_ location: SourceLocation = #_sourceLocation) {
        let broken = nt._checkInvariants()
        #expect(broken.isEmpty, "\(broken)", sourceLocation: location)
    }
}

/// The errno that `body` ends with; nil when it succeeds.
func errno(_ body: () throws(LxFailure) -> Void) -> Errno? {
    do throws(LxFailure) { try body() } catch {
        switch error {
        case .errno(let errno): return errno
        case .unsupported(let errno, _, _): return errno
        default:
            Issue.record("\(error)")
            return nil
        }
    }
    return nil
}
