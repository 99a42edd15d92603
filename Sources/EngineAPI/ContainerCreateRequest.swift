// ContainerCreateRequest owns the body of POST /containers/create: the portable configuration at
// the top level, with the host's and the networks' beside it.

/// What a client asks for when it creates a container.
public struct ContainerCreateRequest: Codable, Hashable, Sendable {
    /// What to run.
    public var config: ContainerConfig
    /// How to run it here.
    public var hostConfig: HostConfig
    /// Endpoints wanted.
    public var networkingConfig: NetworkingConfig

    /// A request of these parts.
    public init(
        config: ContainerConfig = ContainerConfig(), hostConfig: HostConfig = HostConfig(),
        networkingConfig: NetworkingConfig = NetworkingConfig()
    ) {
        self.config = config
        self.hostConfig = hostConfig
        self.networkingConfig = networkingConfig
    }

    public init(from decoder: any Decoder) throws {
        config = try ContainerConfig(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hostConfig = try container.decodeIfPresent(HostConfig.self, forKey: .hostConfig) ?? HostConfig()
        networkingConfig = try container.decodeIfPresent(NetworkingConfig.self, forKey: .networkingConfig) ?? NetworkingConfig()
    }

    public func encode(to encoder: any Encoder) throws {
        try config.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(hostConfig, forKey: .hostConfig)
        try container.encode(networkingConfig, forKey: .networkingConfig)
    }

    private enum CodingKeys: String, CodingKey {
        case hostConfig = "HostConfig"
        case networkingConfig = "NetworkingConfig"
    }
}
