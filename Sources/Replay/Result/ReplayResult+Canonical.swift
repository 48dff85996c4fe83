// The canonical form: equal results, and only they, are equal bytes.

extension ReplayResult {
    /// Canonical JSON. Replaying the same trace on the same engine gives the same bytes (the A/A test).
    public func canonicalJSON() throws -> [UInt8] { try CanonicalJSON.encode(self) }
}
