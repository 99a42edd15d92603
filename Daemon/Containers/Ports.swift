// Ports: what Containers needs from images and networks, said in its own words. Compose.swift
// plugs the services in; Containers imports neither.
import EngineAPI
import Faults
import OCISpec

/// An image as a container sees it.
package struct ContainerImage: Sendable {
    /// `sha256:…` of its configuration.
    package var id: String
    /// How the creator named it.
    package var reference: String
    /// What it presets.
    package var config: ImageConfig

    /// An image of these parts.
    package init(id: String, reference: String, config: ImageConfig) {
        self.id = id
        self.reference = reference
        self.config = config
    }
}

/// What containers need of images and of their file systems.
package protocol ContainerImages: Sendable {
    /// The image that a reference, ID or ID prefix names.
    /// - Throws: `notFound` with docker's text, `No such image: x:latest`.
    func image(_ reference: String) async throws(Fault) -> ContainerImage
    /// Makes the container's writable layer on the image; one that is there is kept.
    func prepareRootfs(_ id: ContainerID, image: String) async throws(Fault)
    /// Mounts the container's file system at `path`; done where it is mounted already.
    func mountRootfs(_ id: ContainerID, image: String, at path: String) async throws(Fault)
    /// Unmounts what is mounted at `path`; done where nothing is.
    func unmountRootfs(at path: String) async throws(Fault)
    /// Removes the writable layer; done where there is none.
    func removeRootfs(_ id: ContainerID) async throws(Fault)
    /// Bytes of the writable layer and of the whole file system.
    func sizes(_ id: ContainerID, image: String) async throws(Fault) -> (writable: Int64, total: Int64)
}

/// A container's wish to be on a network.
package struct NetworkRequest: Sendable {
    /// The container.
    package var id: ContainerID
    /// Its name, without a slash.
    package var name: String
    /// Its host name.
    package var hostname: String
    /// Its domain name; empty where it has none.
    package var domainname: String
    /// `bridge`, `default`, `none`, `host` or a network's name.
    package var mode: String
    /// Further names on the network.
    package var aliases: [String]
    /// The MAC address it wants.
    package var macAddress: String?
    /// The IPv4 address it wants.
    package var ipv4: String?
    /// Host ports by container port, `80/tcp`.
    package var portBindings: [String: [PortBinding]]
    /// Ports that the image or the creator exposes, `80/tcp`.
    package var exposedPorts: [String]
    /// Whether each exposed port gets a host port.
    package var publishAllPorts: Bool

    /// A request with nothing but a mode.
    package init(
        id: ContainerID, name: String, hostname: String, domainname: String = "", mode: String, aliases: [String] = [],
        macAddress: String? = nil, ipv4: String? = nil, portBindings: [String: [PortBinding]] = [:], exposedPorts: [String] = [],
        publishAllPorts: Bool = false
    ) {
        self.id = id
        self.name = name
        self.hostname = hostname
        self.domainname = domainname
        self.mode = mode
        self.aliases = aliases
        self.macAddress = macAddress
        self.ipv4 = ipv4
        self.portBindings = portBindings
        self.exposedPorts = exposedPorts
        self.publishAllPorts = publishAllPorts
    }
}

/// A container's place on a network.
package struct NetworkAttachment: Sendable {
    /// The file of its network namespace; nil is the host's.
    package var namespacePath: String?
    /// What inspect shows.
    package var settings: NetworkSettings
    /// Its IPv4 address, without a prefix length.
    package var ipv4: String?
    /// The gateway's IPv4 address, which `host-gateway` stands for.
    package var gateway: String?

    /// An attachment of these parts.
    package init(namespacePath: String?, settings: NetworkSettings, ipv4: String? = nil, gateway: String? = nil) {
        self.namespacePath = namespacePath
        self.settings = settings
        self.ipv4 = ipv4
        self.gateway = gateway
    }
}

/// What containers need of networks.
package protocol ContainerNetworks: Sendable {
    /// Judges a wish without doing anything, so that a container that could never start is not made.
    /// - Throws: `notFound` for a network that is not there, `invalidArgument` for the rest.
    func validate(_ request: NetworkRequest) throws(Fault)
    /// Connects the container: namespace, link, address, routes, published ports; all or nothing.
    func connect(_ request: NetworkRequest) async throws(Fault) -> NetworkAttachment
    /// Takes away everything that ``connect(_:)`` made, as far as it is there, and goes on past failures.
    func disconnect(_ id: ContainerID) async throws(Fault)
    /// At the engine's start: removes the leftovers of all containers but these and sees to it that
    /// the rules of these are in force.
    func reconcile(running: Set<ContainerID>) async
}

/// Who uses an image; Containers implements it, Images asks it through Compose.swift.
package protocol ImageUsers: Sendable {
    /// The containers of each image, by the image's ID.
    func imagesInUse() async -> [String: [ContainerID]]
}
