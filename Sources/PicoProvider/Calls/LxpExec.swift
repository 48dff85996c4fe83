// execve: scripts, ELF64, and the reset of everything that belongs to the old image.
import Engine
import Glibc
import LinuxABI
import Tables

private let imageHead = 256

func LxpSyscall_EXECVE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let path = try c.path(0).text
    var arguments = try LxpStringList(c, c[1]).strings
    let environment = try LxpStringList(c, c[2])
    var location = try LxpExecutable(c, path, c.cwd)
    let named = location
    var interpreter = path
    for depth in 0... {
        let head = try LxpHead(c, location)
        if let head, c.engine.areFormatsEnabled,
            let format = c.engine.binaryFormats.first(where: { $0.matches(head) })
        {
            if head.starts(with: Array("MZ".utf8)), format.interpreter == "/init" {
                return try LxpStartWindowsProgram(
                    c,
                    path: path,
                    named: named,
                    image: location,
                    arguments: arguments,
                    environment: environment.strings
                )
            }
            if depth > 4 { throw .errno(.ELOOP) }
            let keepsName = format.flags.contains("P")
            arguments = [format.interpreter, interpreter] + (keepsName ? arguments : Array(arguments.dropFirst()))
            interpreter = format.interpreter
            location = try LxpExecutable(c, format.interpreter, c.cwd)
            continue
        }
        guard let line = LxpScript(head) else {
            try LxpCheckImage(head, location, c)
            break
        }
        if depth > 4 { throw .errno(.ELOOP) }
        if line.interpreter.isEmpty { throw .errno(.ENOEXEC) }
        arguments = [line.interpreter] + (line.argument.map { [$0] } ?? []) + [interpreter] + arguments.dropFirst()
        interpreter = line.interpreter
        location = try LxpExecutable(c, line.interpreter, c.cwd)
    }
    LxpReplaceImage(c, path: path, named: named, image: location, arguments: arguments, environment: environment)
    return 0
}

/// argv or envp: made into text when somebody reads it.
struct LxpStringList: ExpressibleByArrayLiteral {
    private enum Source {
        case text([String])
        case memory(MemoryChunks, [UInt64])
    }

    private let source: Source
    /// MAX_ARG_STRLEN.
    private static let limit = 131072

    init(_ strings: [String] = []) { source = .text(strings) }

    init(arrayLiteral strings: String...) { self.init(strings) }

    /// A null pointer is an empty list.
    init(_ c: LxpCall, _ address: UInt64) throws(LxFailure) {
        var pointers: [UInt64] = []
        var position = address
        var place = 0
        while address != 0 {
            let pointer: UInt64
            if let next = c.memory.word(position, size: 8, in: &place) {
                pointer = next
            } else {
                pointer = try c.readInteger(position, as: UInt64.self)
            }
            if pointer == 0 { break }
            pointers.append(pointer)
            position += 8
            position += Self.append(from: c.memory.chunks, place, position, to: &pointers)
        }
        source = pointers.isEmpty ? .text([]) : .memory(c.memory, pointers)
    }

    /// The pointers that follow in the same chunk, up to a null pointer or its end; their length.
    private static func append(
        from chunks: [MemoryChunks.Chunk],
        _ place: Int,
        _ position: UInt64,
        to pointers: inout [UInt64]
    ) -> UInt64 {
        guard place < chunks.count, position >= chunks[place].address else { return 0 }
        let start = Int(clamping: position - chunks[place].address)
        return chunks[place].bytes.withUnsafeBytes { bytes in
            var offset = start
            while offset <= bytes.count - 8 {
                let pointer = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                if pointer == 0 { break }
                pointers.append(pointer)
                offset += 8
            }
            return UInt64(offset - start)
        }
    }

    var strings: [String] {
        switch source {
        case .text(let strings): strings
        case .memory(let memory, let pointers): Self.text(memory, pointers)
        }
    }

    /// The last chunk at an address that is one string and its NUL, as in ``MemoryChunks/endedStrings``.
    private static func ended(_ chunks: [MemoryChunks.Chunk], _ address: UInt64) -> Int? {
        chunks.withUnsafeBufferPointer { chunks in
            for index in chunks.indices.reversed() where chunks[index].address == address {
                let isString = chunks[index].bytes.withUnsafeBytes { bytes in
                    guard let base = bytes.baseAddress, bytes.last == 0 else { return false }
                    return strlen(base.assumingMemoryBound(to: CChar.self)) == bytes.count - 1
                }
                if isString { return index }
            }
            return nil
        }
    }

    private static func text(_ memory: MemoryChunks, _ pointers: [UInt64]) -> [String] {
        // A table of all strings is made for many only.
        let known = pointers.count > 16 ? memory.endedStrings : nil
        return pointers.map { pointer in
            if let position = known.map({ $0[pointer] }) ?? ended(memory.chunks, pointer) {
                return memory.endedText(position)
            }
            if let bytes = memory.endedString(pointer), bytes.count < limit {
                return String(decoding: bytes, as: UTF8.self)
            }
            // A string that the recording could not keep whole is still a string.
            guard case .bytes(let bytes) = memory.readString(pointer, limit: limit) else { return "" }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}

private func LxpExecutable(_ c: LxpCall, _ path: String, _ base: VfsLocation) throws(LxFailure) -> VfsLocation {
    let location = try c.walk(c.paths.path(path), from: base, follow: true)
    guard location.inode.kind == .regular, location.mount.flags & MountFlag.noExec == 0 else { throw .errno(.EACCES) }
    try location.inode.permission(VfsPermission.execute, c)
    return location
}

/// The first bytes, as far as they are known.
private func LxpHead(_ c: LxpCall, _ location: VfsLocation) throws(LxFailure) -> [UInt8]? {
    let file = try location.inode.open(0, c)
    file.location = location
    defer { file.release(c) }
    let data = try file.read(imageHead, at: 0, c)
    var known: [UInt8] = []
    for case .bytes(let bytes) in data.segments.prefix(1) { known += bytes }
    if known.isEmpty, !data.isEmpty { return nil }
    return known
}

private func LxpScript(_ head: [UInt8]?) -> (interpreter: String, argument: String?)? {
    guard let head, head.count >= 2, head[0] == UInt8(ascii: "#"), head[1] == UInt8(ascii: "!") else { return nil }
    let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }.drop(while: isBlank)
    let interpreter = line.prefix { !isBlank($0) }
    var rest = Array(line.dropFirst(interpreter.count).drop(while: isBlank))
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    let text = String(decoding: interpreter, as: UTF8.self)
    return (text, rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self))
}

/// ELF64 for x86-64 only; what the recording never showed is taken to be one.
private func LxpCheckImage(_ head: [UInt8]?, _ location: VfsLocation, _ c: LxpCall) throws(LxFailure) {
    guard let head else { return }
    guard head.count >= 20, head[0] == 0x7f, Array(head[1..<4]) == Array("ELF".utf8) else {
        throw .errno(.ENOEXEC)
    }
    let machine = UInt16(head[18]) | UInt16(head[19]) << 8
    // EI_CLASS 2 is ELFCLASS64; 62 is EM_X86_64, 183 is EM_AARCH64.
    guard head[4] == 2, machine == 62 || machine == 183 else {
        throw .unsupported(.ENOEXEC, note: "only 64-bit programs run", source: "GH:390")
    }
    // e_phentsize: a program header of ELF64 has 56 bytes; 0 where the recording shows no more.
    if head.count >= 56 {
        let size = UInt16(head[54]) | UInt16(head[55]) << 8
        guard size == 56 || size == 0 else {
            throw .unsupported(.ENOEXEC, note: "an unusual ELF64 layout is refused", source: "GH:5154;GH:3846")
        }
    }
}

/// The point of no return: everything that execve(2) lists is reset.
func LxpReplaceImage(
    _ c: VfsContext,
    path: String,
    named: VfsLocation,
    image: VfsLocation,
    arguments: [String],
    environment: LxpStringList
) {
    let engine = c.engine
    let thread: LxThread = c.thread
    let group = thread.group
    // The other threads die; the caller takes over the leader's id (RN:18342).
    for other in group.threads where other !== thread { engine.endThread(other, status: 0, c) }
    if group.leader !== thread {
        engine.adoptLeadership(thread)
    }
    if thread.files.users > 1 {
        thread.files.users -= 1
        thread.files = thread.files.copy()
    }
    for fd in thread.files.open where thread.files[fd]?.closeOnExec == true {
        if let file = thread.files.take(fd) { LxpClose(c, file) }
    }
    let old = group.address
    old.users -= 1
    group.address = LxAddressSpace()
    let handlers = group.handlers.copy()
    handlers.resetForExec()
    group.handlers = handlers
    thread.signals.alternateStack = (0, 0, 2)
    thread.signals.frames = []
    thread.clearChildTid = 0
    thread.robustList = 0
    group.timers.removePosixTimers()
    group.executable = VfsWalk.path(of: named, root: thread.fs.root) ?? path
    group.executableLocation = image
    group.arguments = arguments
    group.environmentList = environment
    group.hasExecuted = true
    group.isDumpable = true
    group.semaphoreUndo = [:]
    thread.name = LxpComm(named.entry.name.text)
    LxpExecCredentials(thread, image)
    group.address.personality = group.personality
    engine.ntReplaceImage(thread, leaving: old)
    engine.releaseVforkParent(group)
    if let trace = thread.activeTrace {
        // A traced program stops when it has been replaced.
        let isEvent = trace.options & LxTrace.execOption != 0
        let status = isEvent ? LxTrace.trap | LxTrace.execEvent << 8 : LxTrace.trap
        trace.message = UInt64(UInt32(bitPattern: thread.ownID))
        engine.stopTraced(thread, status, LxSignalInfo(signal: LxTrace.trap, code: status))
    }
}

/// At most 15 bytes.
func LxpComm(_ name: String) -> String { String(decoding: name.utf8.prefix(15), as: UTF8.self) }

/// Set-user-id and set-group-id programs (RN:16251), and the capabilities of root (capabilities(7)).
private func LxpExecCredentials(_ thread: LxThread, _ image: VfsLocation) {
    var credentials = thread.credentials
    let inode = image.inode
    if image.mount.flags & MountFlag.noSetuid == 0, !credentials.noNewPrivileges {
        if inode.mode & 0o4000 != 0 { credentials.euid = inode.uid }
        if inode.mode & 0o2010 == 0o2010 { credentials.egid = inode.gid }
    }
    credentials.suid = credentials.euid
    credentials.fsuid = credentials.euid
    credentials.sgid = credentials.egid
    credentials.fsgid = credentials.egid
    // SECBIT_NOROOT is bit 0.
    let isRoot = credentials.securebits & 1 == 0 && (credentials.euid == 0 || credentials.uid == 0)
    if isRoot {
        credentials.permitted = credentials.bounding | credentials.inheritable
        credentials.effective = credentials.euid == 0 ? credentials.permitted : credentials.ambient
    } else {
        credentials.permitted = credentials.ambient
        credentials.effective = credentials.ambient
    }
    credentials.keepCapabilities = false
    thread.credentials = credentials
}
