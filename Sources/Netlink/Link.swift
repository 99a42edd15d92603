import CLinux
import Faults

/// A network interface as the kernel lists it.
package struct Link: Hashable, Sendable {
    /// The kernel's number, unique in its namespace.
    package let index: Int32
    /// `eth0` and its like.
    package let name: String
    /// `bridge`, `veth`, …; nil for hardware and loopback.
    package let kind: String?
    /// The bridge it is a port of.
    package let masterIndex: Int32?
    /// Its Ethernet address, where it has one.
    package let mac: MACAddress?
    /// The largest packet in bytes.
    package let mtu: UInt32
    /// Whether it is switched on.
    package let isUp: Bool

    /// Reads an RTM_NEWLINK answer; nil where it is something else.
    package init?(_ reply: NetlinkReply) {
        guard Int(reply.type) == Int(RTM_NEWLINK), let index = reply.payload.native(Int32.self, at: 4),
            let flags = reply.payload.native(UInt32.self, at: 8)
        else { return nil }
        let attributes = reply.attributes(after: LinkRequest.fixedSize)
        guard let name = attributes.text(Int(IFLA_IFNAME)) else { return nil }
        self.index = index
        self.name = name
        kind = attributes.nested(Int(IFLA_LINKINFO))?.text(Int(IFLA_INFO_KIND))
        masterIndex = attributes.number(Int(IFLA_MASTER), as: Int32.self)
        mac = attributes.bytes(Int(IFLA_ADDRESS)).flatMap { MACAddress(octets: $0) }
        mtu = attributes.number(Int(IFLA_MTU), as: UInt32.self) ?? 0
        isUp = flags & LinkRequest.flagUp != 0
    }
}

/// What an interface shall have; nil leaves a property alone.
package struct LinkChange: Hashable, Sendable {
    /// Its new name.
    package var name: String?
    /// Its Ethernet address.
    package var mac: MACAddress?
    /// The largest packet in bytes.
    package var mtu: UInt32?
    /// The bridge it becomes a port of; 0 takes it out.
    package var masterIndex: Int32?
    /// Switched on or off.
    package var up: Bool?
    /// A descriptor of the network namespace it moves to.
    package var namespace: CInt?

    /// Collects the changes.
    package init(
        name: String? = nil, mac: MACAddress? = nil, mtu: UInt32? = nil, masterIndex: Int32? = nil, up: Bool? = nil, namespace: CInt? = nil
    ) {
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.masterIndex = masterIndex
        self.up = up
        self.namespace = namespace
    }

    fileprivate func add(to message: inout NetlinkMessage) {
        if let name { message.add(Int(IFLA_IFNAME), text: name) }
        if let mac { message.add(Int(IFLA_ADDRESS), mac.octets) }
        if let mtu { message.add(Int(IFLA_MTU), number: mtu) }
        if let masterIndex { message.add(Int(IFLA_MASTER), number: masterIndex) }
        if let namespace { message.add(Int(IFLA_NET_NS_FD), number: UInt32(namespace)) }
    }

    fileprivate func fixed(index: Int32 = 0, family: Int32 = AF_UNSPEC) -> [UInt8] {
        LinkRequest.fixed(family: family, index: index, flags: up == true ? LinkRequest.flagUp : 0, change: up == nil ? 0 : LinkRequest.flagUp)
    }
}

/// Requests about interfaces, as messages.
package enum LinkRequest {
    /// The size of `struct ifinfomsg`.
    static let fixedSize = 16
    /// IFF_UP: an enumerator behind a macro of its own name, which Swift does not see.
    static let flagUp: UInt32 = 1
    /// The longest interface name (IFNAMSIZ without the zero).
    package static let nameBytesMax = 15

    /// Makes an interface of any `kind`; `data` adds what is particular to it (IFLA_INFO_DATA).
    package static func create(kind: String, _ link: LinkChange, data: ((inout NetlinkMessage) -> Void)? = nil) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_NEWLINK), flags: Int(NLM_F_CREATE | NLM_F_EXCL), fixed: link.fixed())
        link.add(to: &message)
        message.addNested(Int(IFLA_LINKINFO)) { info in
            info.add(Int(IFLA_INFO_KIND), text: kind)
            if let data { info.addNested(Int(IFLA_INFO_DATA), data) }
        }
        return message
    }

    /// Makes two connected interfaces. Both may be all but complete at once: `peer` in another
    /// namespace, named and addressed, and the near end a port of its bridge and up. The peer is
    /// not set up here: it is made first, and the kernel refuses (ENOTCONN) while it has no partner.
    package static func createVeth(_ near: LinkChange, peer: LinkChange) -> NetlinkMessage {
        create(kind: "veth", near) { data in
            data.addNested(Int(VETH_INFO_PEER), fixed: peer.fixed()) { peer.add(to: &$0) }
        }
    }

    /// Changes the interface with this index.
    package static func change(index: Int32, _ change: LinkChange) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_NEWLINK), fixed: change.fixed(index: index))
        change.add(to: &message)
        return message
    }

    /// Lets a bridge port send a frame back where it came from: a container that reaches its own published port.
    package static func hairpin(index: Int32, _ on: Bool) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_SETLINK), fixed: fixed(family: AF_BRIDGE, index: index))
        // The kernel reads the nested form only where the attribute says that it is nested.
        message.addNested(Int(IFLA_PROTINFO) | Int(NLA_F_NESTED)) { $0.add(Int(IFLA_BRPORT_MODE), number: UInt8(on ? 1 : 0)) }
        return message
    }

    /// Removes the interface with this name, and the other end of a veth.
    package static func delete(name: String) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_DELLINK), fixed: fixed())
        message.add(Int(IFLA_IFNAME), text: name)
        return message
    }

    /// Puts the interface with this name into a group.
    package static func setGroup(name: String, _ group: UInt32) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_SETLINK), fixed: fixed())
        message.add(Int(IFLA_IFNAME), text: name)
        message.add(Int(IFLA_GROUP), number: group)
        return message
    }

    /// Removes all interfaces of a group together.
    package static func delete(group: UInt32) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_DELLINK), fixed: fixed())
        message.add(Int(IFLA_GROUP), number: group)
        return message
    }

    /// Asks for the interface with this name.
    package static func get(name: String) -> NetlinkMessage {
        var message = NetlinkMessage(type: Int(RTM_GETLINK), fixed: fixed())
        message.add(Int(IFLA_IFNAME), text: name)
        return message
    }

    /// Asks for all interfaces.
    package static func list() -> NetlinkMessage { NetlinkMessage(type: Int(RTM_GETLINK), fixed: fixed()) }

    static func fixed(family: Int32 = AF_UNSPEC, index: Int32 = 0, flags: UInt32 = 0, change: UInt32 = 0) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(family), 0]
        bytes.append(native: UInt16(0))
        bytes.append(native: index)
        bytes.append(native: flags)
        bytes.append(native: change)
        return bytes
    }
}

extension NetlinkSocket {
    /// The interface with this name; nil where there is none.
    package mutating func link(named name: String) throws(Fault) -> Link? {
        do throws(Fault) { return try query("find link \(name)", LinkRequest.get(name: name)).compactMap { Link($0) }.first } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
    }

    /// All interfaces of the namespace.
    package mutating func links() throws(Fault) -> [Link] {
        try dump("list links", LinkRequest.list()).compactMap { Link($0) }
    }

    /// Removes an interface; one that does not exist is no failure.
    package mutating func deleteLink(named name: String) throws(Fault) {
        do throws(Fault) { try request("delete link \(name)", LinkRequest.delete(name: name)) } catch {
            if error.kind != .notFound { throw error }
        }
    }
}
