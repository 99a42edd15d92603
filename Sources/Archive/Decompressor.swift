import CArchive
import Faults

/// Inflates a stream through exactly one filter of libarchive. Letting the library guess would
/// also stack filters (a gzip in a gzip) and start outside programs for rare ones.
package final class Decompressor: ByteSource {
    private let bridge: ReadBridge
    private let archive: OpaquePointer
    private var atEnd = false

    /// Starts inflating `source`.
    package init(_ source: any ByteSource, _ compression: Compression) throws(Fault) {
        bridge = ReadBridge(source)
        archive = try newArchive()
        archive_read_support_format_raw(archive)
        let filter: CInt =
            switch compression {
            case .none: ARCHIVE_FILTER_NONE
            case .gzip: ARCHIVE_FILTER_GZIP
            case .bzip2: ARCHIVE_FILTER_BZIP2
            case .xz: ARCHIVE_FILTER_XZ
            case .zstd: ARCHIVE_FILTER_ZSTD
            }
        guard archive_read_append_filter(archive, filter) == ARCHIVE_OK, bridge.open(archive) == ARCHIVE_OK else {
            throw bridge.fault(archive, "this is no \(compression.rawValue) stream")
        }
        var entry: OpaquePointer?
        let found = archive_read_next_header(archive, &entry)
        atEnd = found == ARCHIVE_EOF
        guard found == ARCHIVE_OK || atEnd else { throw bridge.fault(archive, "read the \(compression.rawValue) stream") }
    }

    deinit { archive_read_free(archive) }

    package func next() throws(Fault) -> UnsafeRawBufferPointer {
        while !atEnd {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: la_int64_t = 0
            switch archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_OK: if count > 0 { return UnsafeRawBufferPointer(start: start, count: count) }
            case ARCHIVE_EOF: atEnd = true
            default: throw bridge.fault(archive, "inflate")
            }
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

/// A new reader of libarchive.
func newArchive() throws(Fault) -> OpaquePointer {
    guard let archive = archive_read_new() else { throw Fault(.failed, "no memory for an archive reader") }
    return archive
}

/// Lets libarchive pull from a ``ByteSource`` and carries the source's fault past the C frames.
/// The archive holds it unretained: its owner frees the archive first.
final class ReadBridge {
    private let source: any ByteSource
    private var failure: Fault?

    init(_ source: any ByteSource) { self.source = source }

    /// Opens `archive` for reading from the source.
    func open(_ archive: OpaquePointer) -> CInt {
        archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, out in
                let bridge = Unmanaged<ReadBridge>.fromOpaque(context!).takeUnretainedValue()
                return bridge.read(into: out!)
            }, nil)
    }

    private func read(into out: UnsafeMutablePointer<UnsafeRawPointer?>) -> la_ssize_t {
        do throws(Fault) {
            let chunk = try source.next()
            out.pointee = chunk.baseAddress
            return chunk.count
        } catch {
            failure = error
            return la_ssize_t(ARCHIVE_FATAL)
        }
    }

    /// What went wrong: the source's own fault where it had one, else the library's sentence.
    func fault(_ archive: OpaquePointer, _ step: String) -> Fault {
        if let failure { return failure }
        let text = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
        return Fault(.invalidArgument, text, trail: [step])
    }
}
