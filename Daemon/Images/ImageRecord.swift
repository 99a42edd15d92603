// ImageRecord owns the documents that the engine keeps about images. An image's configuration is a
// blob, byte for byte as it came: the image's ID is its digest.
import Faults
import OCISpec

/// What the store keeps of an image.
struct ImageRecord: Codable, Sendable, Hashable {
    /// A layer of the image.
    struct Layer: Codable, Sendable, Hashable {
        /// The digest of its uncompressed tar: names the unpacked tree.
        var diffID: Digest
        /// The digest of the tar as it came, where it is kept as a blob.
        var blob: Digest?
        /// The sum of its files' sizes in bytes.
        var size: Int64
    }

    /// The version of this document.
    var version = 1
    /// The digest of the configuration.
    var id: Digest
    /// The manifest it came with, where it is kept as a blob.
    var manifest: Digest?
    /// Its layers, lowest first.
    var layers: [Layer]
    /// When it was loaded or imported, in nanoseconds since 1970.
    var addedAt: Int64

    /// Bytes of all layers.
    var size: Int64 { layers.reduce(0) { $0 + $1.size } }

    /// The blobs it needs.
    var blobs: Set<Digest> { Set([id] + [manifest].compactMap { $0 } + layers.compactMap(\.blob)) }
}

/// What the store keeps of a reference, under its canonical text.
struct ReferenceRecord: Codable, Sendable, Hashable {
    /// The version of this document.
    var version = 1
    /// The image it names.
    var image: Digest
    /// When it was given, in nanoseconds since 1970.
    var taggedAt: Int64
}
