// ImageConfig owns the shape of an image's configuration: what it runs by default, on which
// platform, from which layers. Docker's additions are kept beside those of the specification.

/// The configuration of an image for one platform.
public struct ImageConfig: Codable, Hashable, Sendable {
    /// When it was made (RFC 3339).
    public var created: String?
    /// By whom.
    public var author: String?
    /// The processor architecture, by Go's name.
    public var architecture: String
    /// Its variant.
    public var variant: String?
    /// The operating system, by Go's name.
    public var os: String
    /// Its version.
    public var osVersion: String?
    /// Features it must have.
    public var osFeatures: [String]?
    /// How it is run.
    public var config: Execution?
    /// Its layers.
    public var rootfs: RootFS
    /// How each layer was made.
    public var history: [History]?
    /// Docker's: the version that built it.
    public var dockerVersion: String?
    /// Docker's: the container it was made from.
    public var container: String?
    /// Docker's: the image it was made from.
    public var parent: String?
    /// Docker's: a remark.
    public var comment: String?
    /// Docker's: the identifier of the oldest format.
    public var id: String?

    /// Makes one from its parts; what is left out is absent.
    public init(
        created: String? = nil, author: String? = nil, architecture: String, variant: String? = nil, os: String,
        osVersion: String? = nil, osFeatures: [String]? = nil, config: Execution? = nil, rootfs: RootFS,
        history: [History]? = nil, dockerVersion: String? = nil, container: String? = nil, parent: String? = nil,
        comment: String? = nil, id: String? = nil
    ) {
        self.created = created
        self.author = author
        self.architecture = architecture
        self.variant = variant
        self.os = os
        self.osVersion = osVersion
        self.osFeatures = osFeatures
        self.config = config
        self.rootfs = rootfs
        self.history = history
        self.dockerVersion = dockerVersion
        self.container = container
        self.parent = parent
        self.comment = comment
        self.id = id
    }

    private enum CodingKeys: String, CodingKey {
        case created, author, architecture, variant, os, config, rootfs, history, container, parent, comment, id
        case osVersion = "os.version"
        case osFeatures = "os.features"
        case dockerVersion = "docker_version"
    }
}
