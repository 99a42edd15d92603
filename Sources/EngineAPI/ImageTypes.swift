// What the engine answers about images.

/// An image in a listing.
public struct ImageSummary: Codable, Hashable, Sendable {
    /// Containers that use it; -1 not counted.
    @Zero public var containers: Int64
    /// Seconds since 1970.
    @Zero public var created: Int64
    /// ID.
    @Zero public var id: String
    /// Labels.
    @Null public var labels: [String: String]?
    /// Parent image; empty.
    @Zero public var parentID: String
    /// `name@digest` references.
    @Zero public var repoDigests: [String]
    /// `name:tag` references.
    @Zero public var repoTags: [String]
    /// Bytes shared with other images; -1 not computed.
    @Zero public var sharedSize: Int64
    /// Bytes of all layers.
    @Zero public var size: Int64
    /// As `size`; sent to clients before API 1.44.
    public var virtualSize: Int64?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case containers = "Containers"
        case created = "Created"
        case id = "Id"
        case labels = "Labels"
        case parentID = "ParentId"
        case repoDigests = "RepoDigests"
        case repoTags = "RepoTags"
        case sharedSize = "SharedSize"
        case size = "Size"
        case virtualSize = "VirtualSize"
    }
}

/// Everything about one image.
public struct ImageInspect: Codable, Hashable, Sendable {
    /// ID.
    @Zero public var id: String
    /// `name:tag` references.
    @Zero public var repoTags: [String]
    /// `name@digest` references.
    @Zero public var repoDigests: [String]
    /// Parent image; empty.
    @Zero public var parent: String
    /// Comment.
    @Zero public var comment: String
    /// When it was made, RFC 3339.
    public var created: String?
    /// Engine that built it.
    @Zero public var dockerVersion: String
    /// Author.
    @Zero public var author: String
    /// What containers made from it start with.
    public var config: ContainerConfig?
    /// Architecture.
    @Zero public var architecture: String
    /// Variant of the architecture.
    public var variant: String?
    /// Operating system.
    @Zero public var os: String
    /// Its version.
    public var osVersion: String?
    /// Bytes of all layers.
    @Zero public var size: Int64
    /// As `size`; sent to clients before API 1.44.
    public var virtualSize: Int64?
    /// Where its layers lie.
    @Zero public var graphDriver: DriverData
    /// Its layers.
    @Zero public var rootFS: RootFS
    /// What only this engine knows.
    @Zero public var metadata: ImageMetadata

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case repoTags = "RepoTags"
        case repoDigests = "RepoDigests"
        case parent = "Parent"
        case comment = "Comment"
        case created = "Created"
        case dockerVersion = "DockerVersion"
        case author = "Author"
        case config = "Config"
        case architecture = "Architecture"
        case variant = "Variant"
        case os = "Os"
        case osVersion = "OsVersion"
        case size = "Size"
        case virtualSize = "VirtualSize"
        case graphDriver = "GraphDriver"
        case rootFS = "RootFS"
        case metadata = "Metadata"
    }
}

/// Layers of an image.
public struct RootFS: Codable, Hashable, Sendable {
    /// `layers`.
    @Zero public var type: String
    /// Diff IDs, bottom first.
    public var layers: [String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case layers = "Layers"
    }
}

/// What only this engine knows of an image.
public struct ImageMetadata: Codable, Hashable, Sendable {
    /// When it was tagged last, RFC 3339.
    public var lastTagTime: String?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case lastTagTime = "LastTagTime"
    }
}

/// One step of an image's history.
public struct ImageHistoryItem: Codable, Hashable, Sendable {
    /// Image of this step, or `<missing>`.
    @Zero public var id: String
    /// Seconds since 1970.
    @Zero public var created: Int64
    /// Instruction.
    @Zero public var createdBy: String
    /// References of the image.
    @Null public var tags: [String]?
    /// Bytes of its layer.
    @Zero public var size: Int64
    /// Comment.
    @Zero public var comment: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case createdBy = "CreatedBy"
        case tags = "Tags"
        case size = "Size"
        case comment = "Comment"
    }
}

/// One effect of removing an image.
public struct ImageDeleteItem: Codable, Hashable, Sendable {
    /// Reference that went.
    @OmitZero public var untagged: String
    /// Image or layer that went.
    @OmitZero public var deleted: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case untagged = "Untagged"
        case deleted = "Deleted"
    }
}

/// What a prune of images removed.
public struct ImagesPruneReport: Codable, Hashable, Sendable {
    /// Effects.
    @Null public var imagesDeleted: [ImageDeleteItem]?
    /// Bytes.
    @Zero public var spaceReclaimed: Int64

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case imagesDeleted = "ImagesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}
