import EngineAPI
import Faults
import Netlink

/// What carries the bytes of a port.
package enum Transport: String, Codable, Hashable, Sendable, CaseIterable {
    case tcp, udp, sctp
}

/// A port inside a container, written `80/tcp`.
package struct ContainerPort: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 1 to 65535.
    package let number: UInt16
    /// What carries its bytes.
    package let transport: Transport

    /// Pairs number and transport.
    package init(_ number: UInt16, _ transport: Transport) {
        self.number = number
        self.transport = transport
    }

    /// Parses `80`, `80/tcp`, `53/UDP`.
    package init(parsing text: String) throws(Fault) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let number = UInt16(parts[0]), number > 0, parts[0].first != "+" else {
            throw Fault(.invalidArgument, "invalid port specification: \"\(text)\"")
        }
        guard parts.count <= 2, let transport = Transport(rawValue: parts.count == 2 ? parts[1].lowercased() : "tcp") else {
            throw Fault(.invalidArgument, "invalid proto in port specification: \"\(text)\"")
        }
        self.init(number, transport)
    }

    package var description: String { "\(number)/\(transport.rawValue)" }

    package static func < (left: ContainerPort, right: ContainerPort) -> Bool {
        (left.number, left.transport.rawValue) < (right.number, right.transport.rawValue)
    }
}

/// A wish: this container port at one of these host ports.
package struct PortWish: Hashable, Sendable {
    /// The port inside.
    package let container: ContainerPort
    /// The host's address; ``IPv4Address/any`` for all.
    package let hostAddress: IPv4Address
    /// The host ports to choose from, lowest first; nil leaves it to the engine.
    package let hostPorts: ClosedRange<UInt16>?

    /// States a wish.
    package init(_ container: ContainerPort, at hostAddress: IPv4Address, hostPorts: ClosedRange<UInt16>?) {
        self.container = container
        self.hostAddress = hostAddress
        self.hostPorts = hostPorts
    }

    /// Reads what a container asks for: its bindings, and with `publishAll` every exposed port that
    /// has none. In order of container ports, so that the same request gives the same plan.
    package static func wishes(
        bindings: [String: [PortBinding]], exposed: [String], publishAll: Bool, defaultAddress: IPv4Address
    ) throws(Fault) -> [PortWish] {
        var wishes: [PortWish] = []
        var bound: Set<ContainerPort> = []
        var keys: [(ContainerPort, [PortBinding])] = []
        for (text, list) in bindings { keys.append((try ContainerPort(parsing: text), list)) }
        for (port, list) in keys.sorted(by: { $0.0 < $1.0 }) {
            for binding in list {
                wishes.append(
                    PortWish(
                        port, at: try address(binding.hostIP, default: defaultAddress), hostPorts: try range(binding.hostPort)))
                bound.insert(port)
            }
        }
        guard publishAll else { return wishes }
        var rest: Set<ContainerPort> = []
        for text in exposed { rest.insert(try ContainerPort(parsing: text)) }
        for (port, _) in keys { rest.insert(port) }
        for port in rest.subtracting(bound).sorted() { wishes.append(PortWish(port, at: defaultAddress, hostPorts: nil)) }
        return wishes
    }

    private static func address(_ text: String, default: IPv4Address) throws(Fault) -> IPv4Address {
        if text.isEmpty { return `default` }
        if let address = IPv4Address(text) { return address }
        if text.contains(":") {
            throw Fault(.unsupported, "cannot publish a port on \(text): the host side of published ports is IPv4 only")
        }
        throw Fault(.invalidArgument, "invalid IP address in port binding: \(text)")
    }

    private static func range(_ text: String) throws(Fault) -> ClosedRange<UInt16>? {
        if text.isEmpty || text == "0" { return nil }
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
        guard let first = ends[0], first > 0, let last = ends.last ?? nil, first <= last else {
            throw Fault(.invalidArgument, "invalid port binding: invalid host port \"\(text)\"")
        }
        return first...last
    }
}

/// A fact: what arrives at the host's port goes to the container's.
package struct PortMapping: Codable, Hashable, Sendable {
    /// The host's address; 0.0.0.0 for all.
    package let hostAddress: String
    /// The host's port.
    package let hostPort: UInt16
    /// The port inside.
    package let containerPort: UInt16
    /// What carries the bytes.
    package let transport: Transport

    /// States a fact.
    package init(hostAddress: IPv4Address, hostPort: UInt16, container: ContainerPort) {
        self.hostAddress = hostAddress.description
        self.hostPort = hostPort
        containerPort = container.number
        transport = container.transport
    }

    /// The host's address as a value; a record that was damaged counts as unbound.
    package var address: IPv4Address { IPv4Address(hostAddress) ?? .any }
}
