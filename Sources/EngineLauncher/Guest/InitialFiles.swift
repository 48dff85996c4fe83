// The initial file system of a guest: lacuna-init, modules, and a console; a cpio archive made on the fly.

struct InitialFiles {
    private(set) var bytes: [UInt8] = []
    private var inode: UInt32 = 1

    init(initProgram: [UInt8], modules: [(name: String, bytes: [UInt8])]) {
        add("dev", mode: 0o040755)
        add("dev/console", mode: 0o020600, device: (5, 1))
        add("init", mode: 0o100755, initProgram)
        add("files", mode: 0o040755)
        add("files/lacuna-init", mode: 0o100755, initProgram)
        add("modules", mode: 0o040755)
        for module in modules { add("modules/\(module.name)", mode: 0o100644, module.bytes) }
        add("modules/order", mode: 0o100644, Array(modules.map { $0.name + "\n" }.joined().utf8))
        add("TRAILER!!!", mode: 0)
    }

    /// One entry in the "new ASCII" format; Documentation/driver-api/early-userspace/buffer-format.rst.
    private mutating func add(_ name: String, mode: UInt32, device: (UInt32, UInt32) = (0, 0), _ content: [UInt8] = [])
    {
        let fields: [UInt32] = [
            inode, mode, 0, 0, 1, 0, UInt32(content.count), 0, 0, device.0, device.1, UInt32(name.utf8.count + 1), 0,
        ]
        inode += 1
        bytes += "070701".utf8
        for field in fields {
            let digits = String(field, radix: 16)
            bytes += String(repeating: "0", count: 8 - digits.count).utf8
            bytes += digits.utf8
        }
        bytes += name.utf8
        bytes.append(0)
        pad()
        bytes += content
        pad()
    }

    private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }
}
