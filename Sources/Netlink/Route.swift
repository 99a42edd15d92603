import CLinux
import Faults

/// Requests about addresses, routes and neighbours, as messages. IPv4; the fixed parts leave
/// room for the other family.
package enum RouteRequest {
    static let addressFixedSize = 8
    static let routeFixedSize = 12
    static let neighbourFixedSize = 12

    /// Gives the interface an address; the kernel adds the route to its subnet when the interface is up.
    package static func addAddress(_ address: IPv4Subnet, index: Int32) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: Int(RTM_NEWADDR), flags: Int(NLM_F_CREATE | NLM_F_EXCL), fixed: addressFixed(index: index, prefixLength: address.prefixLength))
        message.add(Int(IFA_LOCAL), address.address.octets)
        message.add(Int(IFA_ADDRESS), address.address.octets)
        if address.prefixLength < 31 { message.add(Int(IFA_BROADCAST), address.last.octets) }
        return message
    }

    /// Takes an address from the interface.
    package static func deleteAddress(_ address: IPv4Subnet, index: Int32) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_DELADDR), fixed: addressFixed(index: index, prefixLength: address.prefixLength))
        message.add(Int(IFA_LOCAL), address.address.octets)
        return message
    }

    /// Asks for all IPv4 addresses of the namespace.
    package static func listAddresses() -> NetlinkMessage {
        NetlinkMessage(type: Int(RTM_GETADDR), fixed: addressFixed(index: 0, prefixLength: 0))
    }

    /// Adds a route; without a destination the default route.
    package static func addRoute(to destination: IPv4Subnet? = nil, via gateway: IPv4Address?, index: Int32) -> NetlinkMessage {
        let scope = gateway == nil ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE
        var message = NetlinkMessage(
            type: Int(RTM_NEWROUTE), flags: Int(NLM_F_CREATE | NLM_F_EXCL),
            fixed: routeFixed(
                destinationLength: destination?.prefixLength ?? 0, table: UInt8(RT_TABLE_MAIN.rawValue), protocol: UInt8(RTPROT_BOOT),
                scope: UInt8(scope.rawValue), type: UInt8(RTN_UNICAST)))
        if let destination { message.add(Int(RTA_DST.rawValue), destination.first.octets) }
        if let gateway { message.add(Int(RTA_GATEWAY.rawValue), gateway.octets) }
        message.add(Int(RTA_OIF.rawValue), number: index)
        return message
    }

    /// Asks for all IPv4 routes of the namespace.
    package static func listRoutes() -> NetlinkMessage { NetlinkMessage(type: Int(RTM_GETROUTE), fixed: routeFixed()) }

    /// Says once and for all which Ethernet address an IPv4 address has, so that nobody needs to ask or can lie.
    package static func setNeighbour(_ address: IPv4Address, _ mac: MACAddress, index: Int32) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: Int(RTM_NEWNEIGH), flags: Int(NLM_F_CREATE | NLM_F_REPLACE), fixed: neighbourFixed(index: index, state: UInt16(NUD_PERMANENT)))
        message.add(Int(NDA_DST), address.octets)
        message.add(Int(NDA_LLADDR), mac.octets)
        return message
    }

    /// Forgets what ``setNeighbour(_:_:index:)`` said.
    package static func deleteNeighbour(_ address: IPv4Address, index: Int32) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_DELNEIGH), fixed: neighbourFixed(index: index, state: 0))
        message.add(Int(NDA_DST), address.octets)
        return message
    }

    private static func addressFixed(index: Int32, prefixLength: UInt8) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(AF_INET), prefixLength, 0, 0]
        bytes.append(native: index)
        return bytes
    }

    private static func routeFixed(
        destinationLength: UInt8 = 0, table: UInt8 = 0, protocol: UInt8 = 0, scope: UInt8 = 0, type: UInt8 = 0
    ) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(AF_INET), destinationLength, 0, 0, table, `protocol`, scope, type]
        bytes.append(native: UInt32(0))
        return bytes
    }

    private static func neighbourFixed(index: Int32, state: UInt16) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(AF_INET), 0, 0, 0]
        bytes.append(native: index)
        bytes.append(native: state)
        bytes += [0, 0]
        return bytes
    }
}

/// An IPv4 address on an interface.
package struct LinkAddress: Hashable, Sendable {
    /// The interface.
    package let index: Int32
    /// The address with its subnet's prefix length.
    package let address: IPv4Subnet

    /// Reads an RTM_NEWADDR answer; nil where it is something else or of another family.
    package init?(_ reply: NetlinkReply) {
        guard Int(reply.type) == Int(RTM_NEWADDR), reply.payload.first == UInt8(AF_INET), let index = reply.payload.native(Int32.self, at: 4),
            let length = reply.payload.native(UInt8.self, at: 1), length <= 32
        else { return nil }
        let attributes = reply.attributes(after: RouteRequest.addressFixedSize)
        guard let address = attributes.ipv4(Int(IFA_LOCAL)) ?? attributes.ipv4(Int(IFA_ADDRESS)) else { return nil }
        self.index = index
        self.address = IPv4Subnet(address, prefixLength: length)
    }
}

/// A route of the main or another table.
package struct Route: Hashable, Sendable {
    /// Where it leads; nil is the default route.
    package let destination: IPv4Subnet?
    /// The interface it leads out of, where it has one.
    package let index: Int32?

    /// Reads an RTM_NEWROUTE answer; nil where it is something else or of another family.
    package init?(_ reply: NetlinkReply) {
        guard Int(reply.type) == Int(RTM_NEWROUTE), reply.payload.first == UInt8(AF_INET), let length = reply.payload.native(UInt8.self, at: 1),
            length <= 32
        else { return nil }
        let attributes = reply.attributes(after: RouteRequest.routeFixedSize)
        destination = attributes.ipv4(Int(RTA_DST.rawValue)).map { IPv4Subnet($0, prefixLength: length) }
        index = attributes.number(Int(RTA_OIF.rawValue), as: Int32.self)
    }
}

extension NetlinkSocket {
    /// All IPv4 addresses of the namespace.
    package mutating func addresses() throws(Fault) -> [LinkAddress] {
        try dump("list addresses", RouteRequest.listAddresses()).compactMap { LinkAddress($0) }
    }

    /// All IPv4 routes of the namespace.
    package mutating func routes() throws(Fault) -> [Route] {
        try dump("list routes", RouteRequest.listRoutes()).compactMap { Route($0) }
    }
}
