// Recorded payloads that were cut: their hash settles what their bytes cannot.
import LinuxABI
import TraceLog

enum CutPayloads {
    /// Recorded output, with cut payloads completed by the engine's bytes where their hash proves them equal.
    ///
    /// `cut`: what was cut of it, with its hashes.
    /// `contradicted`: addresses of payloads whose kept bytes agree and whose hash does not.
    static func completed(
        _ output: MemoryChunks,
        _ cut: [MemoryRecord],
        by engine: EngineMemory
    ) -> (chunks: MemoryChunks, contradicted: [UInt64]) {
        var result = output
        var contradicted: [UInt64] = []
        for chunk in cut where chunk.direction == .output && chunk.isCut && chunk.hash != .zero {
            guard case .bytes(let bytes) = engine.read(chunk.address, count: chunk.length) else { continue }
            if ContentHash(of: bytes) == chunk.hash {
                result.chunks.append(.init(address: chunk.address, bytes: bytes))
            } else if bytes.starts(with: chunk.bytes) {
                contradicted.append(chunk.address)
            }
        }
        return (result, contradicted)
    }
}
