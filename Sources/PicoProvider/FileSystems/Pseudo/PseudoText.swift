// Made-up files with content: text of the engine, or of the machine.
import Engine
import LinuxABI

/// A file whose content is made when it is first read.
final class PseudoText: PseudoInode {
    /// What a reader sees.
    enum Content {
        case text((VfsContext) throws(LxFailure) -> String)
        /// Only the machine knows, and no source gives WSL 1's text: the environment answers; `otherwise` when it cannot.
        case given(what: String, otherwise: (VfsContext) throws(LxFailure) -> String)
    }

    let content: Content
    /// Why the text is another than Linux'.
    let note: LxNote?
    let store: ((String, VfsContext) throws(LxFailure) -> Void)?

    init(
        _ superblock: PseudoSuperblock,
        permissions: UInt32 = 0o444,
        uid: UInt32 = 0,
        gid: UInt32 = 0,
        _ content: Content,
        note: LxNote? = nil,
        store: ((String, VfsContext) throws(LxFailure) -> Void)? = nil
    ) {
        self.content = content
        self.note = note
        self.store = store
        super.init(superblock, mode: VfsKind.regular.rawValue | permissions, uid: uid, gid: gid)
    }

    /// A constant text.
    convenience init(_ superblock: PseudoSuperblock, permissions: UInt32 = 0o444, constant: String) {
        self.init(superblock, permissions: permissions, .text { _ in constant })
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        // O_TRUNC on a control file does nothing.
        if change.size != nil, change.permissions == nil, change.uid == nil, change.gid == nil { return }
        throw .errno(.EPERM)
    }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        PseudoTextFile(inode: self)
    }
}

private final class PseudoTextFile: VfsFile {
    private var text: VfsData?
    private var isGiven = false
    private var file: PseudoText { unsafeDowncast(inode, to: PseudoText.self) }

    /// Every file of procfs and sysfs can be polled (features.tsv).
    override var isPollable: Bool { true }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        guard count > 0 else { return VfsData() }
        if case .given(let what, _) = file.content, isGiven || text == nil, context.isCall {
            if let available = context.environment.given.number(.available(what: what), for: context.index) {
                isGiven = true
                let length = min(max(0, Int(available)), count)
                return length == 0 ? VfsData() : VfsData(unknown: length, what: what)
            }
            // The environment knew the beginning: this is the end.
            if isGiven { return VfsData() }
        }
        if let note = file.note { context.explain(note) }
        if offset == 0 || text == nil { text = VfsData(try make(context)) }
        let start = Int(clamping: offset)
        return text?.slice(start, start + count) ?? VfsData()
    }

    private func make(_ context: VfsContext) throws(LxFailure) -> String {
        switch file.content {
        case .text(let make): try make(context)
        case .given(_, let otherwise): try otherwise(context)
        }
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        guard let store = file.store else { throw .errno(.EIO) }
        guard let bytes = data.bytes else { throw .notModelled("the bytes written were cut from the recording") }
        var text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        while text.last == "\n" { text.removeLast() }
        try store(text, context)
        return data.count
    }

    override func synchronize(dataOnly: Bool, _ context: VfsContext) throws(LxFailure) { throw .errno(.EINVAL) }
}
