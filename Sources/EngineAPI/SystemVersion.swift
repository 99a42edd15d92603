// The answer to /version.

/// Versions of the engine and of its parts.
public struct SystemVersion: Codable, Hashable, Sendable {
    /// The product.
    public var platform: PlatformName?
    /// Its parts.
    public var components: [ComponentVersion]?
    /// Version of the engine.
    @Zero public var version: String
    /// Newest API version it speaks.
    @Zero public var apiVersion: String
    /// Oldest API version it speaks.
    @OmitZero public var minAPIVersion: String
    /// Commit it was built from.
    @Zero public var gitCommit: String
    /// Empty: there is no Go in it.
    @Zero public var goVersion: String
    /// Operating system.
    @Zero public var os: String
    /// Architecture, in Go's words.
    @Zero public var arch: String
    /// Kernel release.
    @OmitZero public var kernelVersion: String
    /// Whether experimental features are on.
    @OmitZero public var experimental: Bool
    /// When it was built.
    @OmitZero public var buildTime: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case platform = "Platform"
        case components = "Components"
        case version = "Version"
        case apiVersion = "ApiVersion"
        case minAPIVersion = "MinAPIVersion"
        case gitCommit = "GitCommit"
        case goVersion = "GoVersion"
        case os = "Os"
        case arch = "Arch"
        case kernelVersion = "KernelVersion"
        case experimental = "Experimental"
        case buildTime = "BuildTime"
    }
}

/// Name of the product.
public struct PlatformName: Codable, Hashable, Sendable {
    /// Name.
    @Zero public var name: String

    /// The zero value; set what you need.
    public init() {}

    /// The product `name`.
    public init(name: String) { self.name = name }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
    }
}

/// Version of one part.
public struct ComponentVersion: Codable, Hashable, Sendable {
    /// Part.
    @Zero public var name: String
    /// Version.
    @Zero public var version: String
    /// More about it.
    public var details: [String: String]?

    /// The zero value; set what you need.
    public init() {}

    /// The part `name` in `version`.
    public init(name: String, version: String, details: [String: String]? = nil) {
        self.name = name
        self.version = version
        self.details = details
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case version = "Version"
        case details = "Details"
    }
}
