// Which call sites of which files are worth rewriting: learned in one process, applied at once in the next.

/// Sites by file, for the length of a recording.
final class KnownSites {
    private var modules: [FileIdentity: [UInt64: SiteRewrite]] = [:]

    /// A site at an offset in the file was hit more than once and could be rewritten.
    func learn(_ rewrite: SiteRewrite, at offset: UInt64, in file: FileIdentity) {
        modules[file, default: [:]][offset] = rewrite
    }

    private var complete: [FileIdentity: [(offset: UInt64, rewrite: SiteRewrite)]] = [:]

    /// All sites of a mapped piece of a file's code that can be told without running it; looked for once.
    func allSites(of file: FileIdentity, offset: UInt64, code: () -> (bytes: [UInt8], address: UInt64)?)
        -> [(offset: UInt64, rewrite: SiteRewrite)]
    {
        if let sites = complete[file] { return sites }
        guard let code = code() else { return [] }
        let sites = SiteRewrite.sites(in: code.bytes, at: code.address).map { (offset + UInt64($0.index), $0.rewrite) }
        complete[file] = sites
        return sites
    }

    private var goPrograms: [FileIdentity: Bool] = [:]

    /// Whether the file is a Go program's; looked at once.
    func isGo(_ path: String) -> Bool {
        guard let file = FileIdentity(path: path) else { return false }
        if let known = goPrograms[file] { return known }
        let isGo = GoProgram.isOne(path: path)
        goPrograms[file] = isGo
        return isGo
    }

    func sites(of file: FileIdentity) -> [UInt64: SiteRewrite] { modules[file] ?? [:] }
}
