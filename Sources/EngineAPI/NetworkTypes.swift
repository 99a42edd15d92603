// What clients say and see of networks and of a container's place in them.

/// Endpoints wanted at creation, by network.
public struct NetworkingConfig: Codable, Hashable, Sendable {
    /// By network name or ID.
    @Null public var endpointsConfig: [String: EndpointSettings]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case endpointsConfig = "EndpointsConfig"
    }
}

/// Addresses wanted on a network.
public struct EndpointIPAMConfig: Codable, Hashable, Sendable {
    /// IPv4 address.
    @OmitZero public var ipv4Address: String
    /// IPv6 address.
    @OmitZero public var ipv6Address: String
    /// Link-local addresses.
    public var linkLocalIPs: [String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
        case linkLocalIPs = "LinkLocalIPs"
    }
}

/// A container's endpoint on one network: wanted at creation, actual in answers.
public struct EndpointSettings: Codable, Hashable, Sendable {
    /// Addresses wanted.
    @Null public var ipamConfig: EndpointIPAMConfig?
    /// Legacy links.
    @Null public var links: [String]?
    /// Further names on the network.
    @Null public var aliases: [String]?
    /// MAC address.
    @Zero public var macAddress: String
    /// Options of the driver.
    @Null public var driverOpts: [String: String]?
    /// Priority as default gateway.
    @Zero public var gwPriority: Int
    /// Network.
    @Zero public var networkID: String
    /// Endpoint.
    @Zero public var endpointID: String
    /// IPv4 gateway.
    @Zero public var gateway: String
    /// IPv4 address.
    @Zero public var ipAddress: String
    /// Its prefix length.
    @Zero public var ipPrefixLen: Int
    /// IPv6 gateway.
    @Zero public var ipv6Gateway: String
    /// IPv6 address.
    @Zero public var globalIPv6Address: String
    /// Its prefix length.
    @Zero public var globalIPv6PrefixLen: Int
    /// Names that resolve to it.
    @Null public var dnsNames: [String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case ipamConfig = "IPAMConfig"
        case links = "Links"
        case aliases = "Aliases"
        case macAddress = "MacAddress"
        case driverOpts = "DriverOpts"
        case gwPriority = "GwPriority"
        case networkID = "NetworkID"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case ipAddress = "IPAddress"
        case ipPrefixLen = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLen = "GlobalIPv6PrefixLen"
        case dnsNames = "DNSNames"
    }
}

/// A container's network as inspect shows it.
public struct NetworkSettings: Codable, Hashable, Sendable {
    /// Obsolete.
    @Zero public var bridge: String
    /// ID of its network namespace.
    @Zero public var sandboxID: String
    /// Path of its network namespace.
    @Zero public var sandboxKey: String
    /// Host ports by exposed port; null where none is published.
    @Zero public var ports: [String: [PortBinding]?]
    /// Obsolete.
    @Zero public var hairpinMode: Bool
    /// Obsolete.
    @Zero public var linkLocalIPv6Address: String
    /// Obsolete.
    @Zero public var linkLocalIPv6PrefixLen: Int
    /// Obsolete.
    @Null public var secondaryIPAddresses: [String]?
    /// Obsolete.
    @Null public var secondaryIPv6Addresses: [String]?
    /// Endpoint on the default bridge.
    @Zero public var endpointID: String
    /// IPv4 gateway on the default bridge.
    @Zero public var gateway: String
    /// IPv6 address on the default bridge.
    @Zero public var globalIPv6Address: String
    /// Its prefix length.
    @Zero public var globalIPv6PrefixLen: Int
    /// IPv4 address on the default bridge.
    @Zero public var ipAddress: String
    /// Its prefix length.
    @Zero public var ipPrefixLen: Int
    /// IPv6 gateway on the default bridge.
    @Zero public var ipv6Gateway: String
    /// MAC address on the default bridge.
    @Zero public var macAddress: String
    /// Endpoints by network name.
    @Zero public var networks: [String: EndpointSettings]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case bridge = "Bridge"
        case sandboxID = "SandboxID"
        case sandboxKey = "SandboxKey"
        case ports = "Ports"
        case hairpinMode = "HairpinMode"
        case linkLocalIPv6Address = "LinkLocalIPv6Address"
        case linkLocalIPv6PrefixLen = "LinkLocalIPv6PrefixLen"
        case secondaryIPAddresses = "SecondaryIPAddresses"
        case secondaryIPv6Addresses = "SecondaryIPv6Addresses"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLen = "GlobalIPv6PrefixLen"
        case ipAddress = "IPAddress"
        case ipPrefixLen = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case macAddress = "MacAddress"
        case networks = "Networks"
    }
}

/// A network.
public struct NetworkResource: Codable, Hashable, Sendable {
    /// Its name.
    @Zero public var name: String
    /// Its ID, 64 hexadecimal digits.
    @Zero public var id: String
    /// When it was made, RFC 3339.
    @Zero public var created: String
    /// `local`.
    @Zero public var scope: String
    /// `bridge`, `host` or `null`.
    @Zero public var driver: String
    /// Whether IPv4 is on.
    @Zero public var enableIPv4: Bool
    /// Whether IPv6 is on.
    @Zero public var enableIPv6: Bool
    /// Its address pools.
    @Zero public var ipam: IPAM
    /// Whether the outside is out of reach.
    @Zero public var isInternal: Bool
    /// Clusters only.
    @Zero public var attachable: Bool
    /// Clusters only.
    @Zero public var ingress: Bool
    /// Clusters only.
    @Zero public var configFrom: ConfigReference
    /// Clusters only.
    @Zero public var configOnly: Bool
    /// Endpoints by container ID.
    @Zero public var containers: [String: EndpointResource]
    /// Options of the driver.
    @Zero public var options: [String: String]
    /// Labels.
    @Zero public var labels: [String: String]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case id = "Id"
        case created = "Created"
        case scope = "Scope"
        case driver = "Driver"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case ipam = "IPAM"
        case isInternal = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configFrom = "ConfigFrom"
        case configOnly = "ConfigOnly"
        case containers = "Containers"
        case options = "Options"
        case labels = "Labels"
    }
}

/// Address management of a network.
public struct IPAM: Codable, Hashable, Sendable {
    /// `default`.
    @Zero public var driver: String
    /// Its options.
    @Null public var options: [String: String]?
    /// Pools.
    @Zero public var config: [IPAMConfig]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case options = "Options"
        case config = "Config"
    }
}

/// One address pool of a network.
public struct IPAMConfig: Codable, Hashable, Sendable {
    /// Subnet in CIDR form.
    @OmitZero public var subnet: String
    /// Where addresses are taken from.
    @OmitZero public var ipRange: String
    /// Gateway.
    @OmitZero public var gateway: String
    /// Addresses kept out, by name.
    public var auxiliaryAddresses: [String: String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case subnet = "Subnet"
        case ipRange = "IPRange"
        case gateway = "Gateway"
        case auxiliaryAddresses = "AuxiliaryAddresses"
    }
}

/// Where a cluster network's configuration comes from.
public struct ConfigReference: Codable, Hashable, Sendable {
    /// Network.
    @Zero public var network: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case network = "Network"
    }
}

/// A container in a network's listing.
public struct EndpointResource: Codable, Hashable, Sendable {
    /// The container's name.
    @Zero public var name: String
    /// Endpoint.
    @Zero public var endpointID: String
    /// MAC address.
    @Zero public var macAddress: String
    /// Address with prefix length.
    @Zero public var ipv4Address: String
    /// Address with prefix length.
    @Zero public var ipv6Address: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case endpointID = "EndpointID"
        case macAddress = "MacAddress"
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
    }
}
