import EngineAPI
import Faults
import Netlink

/// A container's wish to be connected.
package struct EndpointRequest: Sendable {
    /// The container.
    package var id: ContainerID
    /// Its name, for errors, events and listings.
    package var name: String
    /// Its host name.
    package var hostname: String
    /// `default`, `bridge`, `none`, `host`, `container:ID`, or a network's name or ID.
    package var mode: String
    /// Further names on the network; user-defined networks only.
    package var aliases: [String] = []
    /// The Ethernet address wanted.
    package var macAddress: String?
    /// The IPv4 address wanted; user-defined networks only.
    package var ipv4: String?
    /// Host ports by container port (`80/tcp`), as HostConfig has them.
    package var portBindings: [String: [PortBinding]] = [:]
    /// The container ports that exist, published or not.
    package var exposedPorts: [String] = []
    /// Whether every exposed port gets a host port.
    package var publishAllPorts = false

    /// A wish without ports.
    package init(id: ContainerID, name: String, hostname: String, mode: String) {
        self.id = id
        self.name = name
        self.hostname = hostname
        self.mode = mode
    }
}

/// A container's place in the networks.
package struct EndpointAttachment: Sendable {
    /// The file that its network namespace is bound to; nil for the host's own.
    package var namespacePath: String?
    /// What inspect shows.
    package var settings: NetworkSettings
    /// Its IPv4 address.
    package var ipv4: String?
    /// Its way out.
    package var gateway: String?

    /// Collects the parts.
    package init(namespacePath: String?, settings: NetworkSettings, ipv4: String? = nil, gateway: String? = nil) {
        self.namespacePath = namespacePath
        self.settings = settings
        self.ipv4 = ipv4
        self.gateway = gateway
    }
}

/// What a container's network mode asks for.
package enum NetworkMode: Hashable, Sendable {
    /// An interface on the default bridge.
    case bridge
    /// A namespace with nothing but loopback.
    case none
    /// The host's own namespace.
    case host
    /// The namespace of another container.
    case container(String)

    /// Reads a mode.
    /// - Throws: `notFound` for the name of a network that does not exist.
    package init(parsing text: String) throws(Fault) {
        switch text {
        case "", "default", "bridge": self = .bridge
        case "none": self = .none
        case "host": self = .host
        default:
            guard text.hasPrefix("container:") else { throw Fault(.notFound, "network \(text) not found") }
            self = .container(String(text.dropFirst("container:".count)))
        }
    }

    /// The name of the network in listings; nil where it is another container's matter.
    package var networkName: String? {
        switch self {
        case .bridge: "bridge"
        case .none: "none"
        case .host: "host"
        case .container: nil
        }
    }
}

extension EndpointRequest {
    /// Finds what is wrong with the wish at a container's creation. A network that does not exist is
    /// an invalid argument there: clients take "not found" in that answer for a missing image.
    package func validate() throws(Fault) {
        do throws(Fault) { try check() } catch {
            throw error.kind == .notFound ? Fault(.invalidArgument, error.reason, trail: error.trail) : error
        }
    }

    /// Finds what is wrong with the wish before anything is made.
    func check() throws(Fault) {
        let mode = try NetworkMode(parsing: mode)
        if let ipv4, !ipv4.isEmpty {
            throw Fault(.invalidArgument, "user specified IP address is supported on user defined networks only")
        }
        if !aliases.isEmpty, mode != .bridge || !aliases.allSatisfy({ $0 == name || $0 == id.short || $0 == hostname }) {
            throw Fault(.invalidArgument, "network-scoped alias is supported only for containers in user defined networks")
        }
        _ = try mac()
        _ = try PortWish.wishes(bindings: portBindings, exposed: exposedPorts, publishAll: publishAllPorts, defaultAddress: .any)
    }

    /// The Ethernet address wanted, as a value.
    func mac() throws(Fault) -> MACAddress? {
        guard let macAddress, !macAddress.isEmpty else { return nil }
        guard let mac = MACAddress(macAddress), !mac.isMulticast else {
            throw Fault(.invalidArgument, "invalid MAC address \(macAddress)")
        }
        return mac
    }
}
