// Descriptor, manifest and index: how an image points at its parts (OCI image specification 1.1,
// and Docker's manifests of schema 2, which have the same shape).

/// A pointer at a blob: what it is, which one, how big.
public struct Descriptor: Codable, Hashable, Sendable {
    /// What the blob is.
    public var mediaType: MediaType
    /// Which one.
    public var digest: Digest
    /// Its bytes.
    public var size: Int64
    /// Other places to get it from.
    public var urls: [String]?
    /// Metadata.
    public var annotations: [String: String]?
    /// The blob itself, in base64.
    public var data: String?
    /// What it runs on, in an index.
    public var platform: Platform?
    /// What an artifact is.
    public var artifactType: String?

    /// Makes one from its parts; what is left out is absent.
    public init(
        mediaType: MediaType, digest: Digest, size: Int64, urls: [String]? = nil, annotations: [String: String]? = nil,
        data: String? = nil, platform: Platform? = nil, artifactType: String? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.urls = urls
        self.annotations = annotations
        self.data = data
        self.platform = platform
        self.artifactType = artifactType
    }
}

/// One image for one platform: a configuration and layers.
public struct ImageManifest: Codable, Hashable, Sendable {
    /// Always 2.
    public var schemaVersion: Int
    /// Its own type; Docker's always says, OCI's may.
    public var mediaType: MediaType?
    /// What an artifact is.
    public var artifactType: String?
    /// The configuration.
    public var config: Descriptor
    /// The layers, lowest first.
    public var layers: [Descriptor]
    /// The manifest this one is about.
    public var subject: Descriptor?
    /// Metadata.
    public var annotations: [String: String]?

    /// Makes one from its parts; what is left out is absent.
    public init(
        schemaVersion: Int = 2, mediaType: MediaType? = nil, artifactType: String? = nil, config: Descriptor,
        layers: [Descriptor], subject: Descriptor? = nil, annotations: [String: String]? = nil
    ) {
        self.schemaVersion = schemaVersion
        self.mediaType = mediaType
        self.artifactType = artifactType
        self.config = config
        self.layers = layers
        self.subject = subject
        self.annotations = annotations
    }
}

/// Images for several platforms, or the root of an image layout.
public struct ImageIndex: Codable, Hashable, Sendable {
    /// Always 2.
    public var schemaVersion: Int
    /// Its own type.
    public var mediaType: MediaType?
    /// What an artifact is.
    public var artifactType: String?
    /// The images.
    public var manifests: [Descriptor]
    /// The manifest this one is about.
    public var subject: Descriptor?
    /// Metadata.
    public var annotations: [String: String]?

    /// Makes one from its parts; what is left out is absent.
    public init(
        schemaVersion: Int = 2, mediaType: MediaType? = nil, artifactType: String? = nil, manifests: [Descriptor],
        subject: Descriptor? = nil, annotations: [String: String]? = nil
    ) {
        self.schemaVersion = schemaVersion
        self.mediaType = mediaType
        self.artifactType = artifactType
        self.manifests = manifests
        self.subject = subject
        self.annotations = annotations
    }
}

extension Descriptor {
    /// The annotation that names an image in an image layout: a tag, or with Docker a whole reference.
    public static let referenceNameAnnotation = "org.opencontainers.image.ref.name"
    /// The annotation in which containerd and Docker keep the whole reference.
    public static let imageNameAnnotation = "io.containerd.image.name"
}
