// Which call sites of which files are worth rewriting: learned in one process, applied at once in the next.

/// Sites by file, for the length of a recording.
final class KnownSites {
    private var modules: [FileIdentity: [UInt64: SiteRewrite]] = [:]

    /// A site at an offset in the file was hit more than once and could be rewritten.
    func learn(_ rewrite: SiteRewrite, at offset: UInt64, in file: FileIdentity) { modules[file, default: [:]][offset] = rewrite }

    func sites(of file: FileIdentity) -> [UInt64: SiteRewrite] { modules[file] ?? [:] }
}
