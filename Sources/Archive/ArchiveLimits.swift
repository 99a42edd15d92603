// ArchiveLimits owns every bound of reading a hostile archive, each with a name and a unit.

/// The bounds of one archive. They are far above what images hold and far below what hurts.
package struct ArchiveLimits: Sendable {
    /// The most entries of one archive.
    package var entriesMax = 2_000_000
    /// The most bytes of the uncompressed stream: 256 GiB.
    package var streamBytesMax: Int64 = 256 << 30
    /// How much larger than its compressed form a stream may grow once it passed ``ratioFreeBytes``.
    /// Real layers stay below 20; gzip's end is 1,032, zstd's and bzip2's far beyond.
    package var ratioMax: Int64 = 200
    /// Streams up to this size are not judged by their ratio: 1 GiB.
    package var ratioFreeBytes: Int64 = 1 << 30
    /// The largest apparent size of a file, holes included: 1 TiB.
    package var fileBytesMax: Int64 = 1 << 40
    /// The most levels of directories. Removing a tree holds a descriptor or two a level.
    package var depthMax = 256
    /// The longest path in bytes (PATH_MAX without its terminator).
    package var pathBytesMax = 4_095
    /// The longest single name in bytes (NAME_MAX).
    package var nameBytesMax = 255
    /// The most extended attributes of one entry.
    package var attributesMax = 128
    /// The largest value of one extended attribute in bytes (XATTR_SIZE_MAX).
    package var attributeBytesMax = 65_536

    package init() {}
}
