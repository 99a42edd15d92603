// Compression owns telling how a stream is compressed by its first bytes. The name of a file and a
// media type are claims; the magic number decides, and only the filters named here are ever used.

/// How a stream is compressed.
package enum Compression: String, Sendable, CaseIterable {
    case none, gzip, bzip2, xz, zstd

    /// How many bytes ``init(magic:)`` wants to see.
    package static let magicBytes = 6

    /// Reads the magic number at the start of a stream.
    package init(magic: [UInt8]) {
        self =
            if magic.starts(with: [0x1f, 0x8b, 0x08]) {
                .gzip
            } else if magic.starts(with: [0x42, 0x5a, 0x68]) {
                .bzip2
            } else if magic.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
                .xz
            } else if magic.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
                .zstd
            } else if magic.count >= 4, magic[0] & 0xf0 == 0x50, magic[1...3].elementsEqual([0x2a, 0x4d, 0x18]) {
                // A skippable frame: how seekable zstd files may begin.
                .zstd
            } else {
                .none
            }
    }
}
