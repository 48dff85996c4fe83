// Writes a log anew: other compression, larger blocks, same events.
import Glibc

public enum TraceRewriter {
    /// Reads a log and writes its events again at another zstd level, in larger blocks.
    ///
    /// The result replaces `destination` (which may be the source) only when it is complete. Of a cut log the intact
    /// prefix is written, again without trailer; the returned recovery says so.
    @discardableResult
    public static func recompress(
        _ source: String,
        to destination: String,
        level: Int32 = 19
    ) throws(TraceError) -> Recovery {
        let reader = try TraceReader(path: source)
        var options = TraceWriter.Options()
        options.level = level
        options.keepsLevel = true
        options.timeGranularity = 1
        options.batchBytes = 16 << 20
        options.batchCalls = 1 << 18
        options.rememberedPayloads = 1 << 22
        let partial = destination + ".partial"
        do {
            let writer = try TraceWriter(path: partial, header: reader.header, options: options)
            try copy(reader, writer)
        } catch {
            unlink(partial)
            throw error
        }
        guard rename(partial, destination) == 0 else {
            let code = errno
            unlink(partial)
            throw TraceError(
                .ioError,
                file: destination,
                message: "cannot be replaced: \(errorText(code)); choose another path",
                errno: code
            )
        }
        return reader.recovery
    }

    private static func copy(_ reader: TraceReader, _ writer: TraceWriter) throws(TraceError) {
        var trailer: TraceTrailer?
        do {
            while let block = try reader.nextBlock() {
                switch block {
                case .snapshot(let snapshot): try writer.snapshot(snapshot)
                case .trailer(let found): trailer = found
                case .events(let batch): try append(batch, reader, writer)
                }
            }
        } catch {
            // What the writer throws is final; a damaged source still has a prefix.
            guard reader.recovery.error == error, error.code == .cut || error.code == .corrupt else { throw error }
        }
        guard let trailer else { return try writer.flush() }
        try writer.finish(trailer)
    }

    private static func append(_ batch: EventBatch, _ reader: TraceReader, _ writer: TraceWriter) throws(TraceError) {
        for record in batch.taskRecords { try writer.append(record) }
        for record in batch.pathRecords { try writer.append(record) }
        var contents = SharedContents()
        for position in 0..<batch.count { try writer.append(batch.call(position, reader, &contents)) }
        for record in batch.signalRecords { try writer.append(record) }
    }
}
