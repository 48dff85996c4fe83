// The two hashes of the format, through libxxhash: XXH64 guards blocks, XXH3-128 names contents.
import CXXHash

func xxh64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    XXH64(bytes.baseAddress, bytes.count, 0)
}

extension ContentHash {
    /// XXH3-128 (seed 0) of some bytes.
    public init(of bytes: UnsafeRawBufferPointer) {
        let hash = lacuna_xxh3_128(bytes.baseAddress, bytes.count)
        self.init(low: hash.low64, high: hash.high64)
    }

    /// XXH3-128 (seed 0) of some bytes.
    public init(of bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { ContentHash(of: $0) }
    }
}
