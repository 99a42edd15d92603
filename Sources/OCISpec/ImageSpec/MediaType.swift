/// What a blob is. Types that nobody here knows are kept as they are.
public struct MediaType: RawRepresentable, Codable, Hashable, Sendable, CustomStringConvertible {
    /// The type as it is written.
    public let rawValue: String

    /// Wraps a type.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The type as it is written.
    public var description: String { rawValue }

    // OCI's.
    public static let ociIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
    public static let ociManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
    public static let ociConfig = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
    public static let ociLayer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
    public static let ociLayerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
    public static let ociLayerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")
    public static let ociLayerNondistributable = MediaType(rawValue: "application/vnd.oci.image.layer.nondistributable.v1.tar")
    public static let ociLayerNondistributableGzip = MediaType(rawValue: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    public static let ociEmpty = MediaType(rawValue: "application/vnd.oci.empty.v1+json")

    // Docker's, schema 2.
    public static let dockerManifestList = MediaType(rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
    public static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
    public static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
    public static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
    public static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")
    public static let dockerLayerZstd = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.zstd")
    public static let dockerForeignLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")

    /// Whether it is a list of images, one for each platform.
    public var isIndex: Bool { self == .ociIndex || self == .dockerManifestList }

    /// Whether it is one image for one platform.
    public var isManifest: Bool { self == .ociManifest || self == .dockerManifest }

    /// Whether it is an image's configuration.
    public var isConfig: Bool { self == .ociConfig || self == .dockerConfig }

    /// Whether it is a layer, compressed in whatever way.
    public var isLayer: Bool {
        rawValue.hasPrefix("application/vnd.oci.image.layer.") || rawValue.hasPrefix("application/vnd.docker.image.rootfs.")
    }
}
