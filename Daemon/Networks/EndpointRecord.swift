import EngineAPI
import Netlink

/// A container's attachment as the store keeps it: written before the kernel hears of it, deleted
/// after the kernel has forgotten it, so that whatever exists is named by a record.
package struct EndpointRecord: Codable, Hashable, Sendable {
    /// The format.
    package var version = 1
    /// The container.
    package let container: ContainerID
    /// The container's name when it was connected.
    package let name: String
    /// `bridge`, `host` or `none`.
    package let network: String
    /// The endpoint.
    package let endpointID: ContainerID
    /// The network namespace.
    package let sandboxID: ContainerID
    /// Where the namespace is bound; nil for the host's.
    package let namespacePath: String?
    /// What it has on a bridge; nil on `host` and `none`.
    package let station: Station?
    /// The container ports that exist, in order.
    package let exposed: [String]

    /// An interface with its address.
    package struct Station: Codable, Hashable, Sendable {
        /// The bridge's port on the host.
        package let hostInterface: String
        /// The address and its subnet's prefix.
        package let address: IPv4Subnet
        /// The Ethernet address.
        package let mac: MACAddress
        /// The way out.
        package let gateway: IPv4Address
        /// The largest packet in bytes.
        package let mtu: UInt32
        /// What is published.
        package let mappings: [PortMapping]
    }
}

extension EndpointRecord.Station {
    /// What the packet filter has to know of it.
    package var firewallEntry: BridgeFirewall.Entry {
        BridgeFirewall.Entry(port: hostInterface, address: address.address, mac: mac, mappings: mappings)
    }

    private enum CodingKeys: String, CodingKey {
        case hostInterface, address, mac, gateway, mtu, mappings
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value>(_ key: CodingKeys, _ parse: (String) -> Value?) throws -> Value {
            let text = try container.decode(String.self, forKey: key)
            guard let value = parse(text) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "not an address: \(text)")
            }
            return value
        }
        hostInterface = try container.decode(String.self, forKey: .hostInterface)
        address = try value(.address) { IPv4Subnet($0) }
        mac = try value(.mac) { MACAddress($0) }
        gateway = try value(.gateway) { IPv4Address($0) }
        mtu = try container.decode(UInt32.self, forKey: .mtu)
        mappings = try container.decode([PortMapping].self, forKey: .mappings)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(hostInterface, forKey: .hostInterface)
        try container.encode(address.description, forKey: .address)
        try container.encode(mac.description, forKey: .mac)
        try container.encode(gateway.description, forKey: .gateway)
        try container.encode(mtu, forKey: .mtu)
        try container.encode(mappings, forKey: .mappings)
    }
}

extension EndpointRecord {
    /// What inspect shows of it.
    package func settings(networkID: String) -> NetworkSettings {
        var endpoint = EndpointSettings()
        endpoint.networkID = networkID
        endpoint.endpointID = endpointID.text
        var settings = NetworkSettings()
        settings.sandboxID = sandboxID.text
        settings.sandboxKey = namespacePath ?? "/proc/1/ns/net"
        settings.ports = ports
        if let station {
            endpoint.gateway = station.gateway.description
            endpoint.ipAddress = station.address.address.description
            endpoint.ipPrefixLen = Int(station.address.prefixLength)
            endpoint.macAddress = station.mac.description
            settings.endpointID = endpoint.endpointID
            settings.gateway = endpoint.gateway
            settings.ipAddress = endpoint.ipAddress
            settings.ipPrefixLen = endpoint.ipPrefixLen
            settings.macAddress = endpoint.macAddress
        }
        settings.networks = [network: endpoint]
        return settings
    }

    /// Host ports by container port; nil for one that exists and is not published.
    private var ports: [String: [PortBinding]?] {
        guard let station else { return [:] }
        var ports: [String: [PortBinding]?] = [:]
        for port in exposed { ports.updateValue(nil, forKey: port) }
        for mapping in station.mappings {
            let key = ContainerPort(mapping.containerPort, mapping.transport).description
            ports[key, default: nil] = ((ports[key] ?? nil) ?? []) + [
                PortBinding(hostIP: mapping.hostAddress, hostPort: String(mapping.hostPort))
            ]
        }
        return ports
    }
}
