import CLinux
import Faults

/// An address of an interface, of whichever family, with all that is the user's about it, so that it
/// can be given to the interface again.
package struct InterfaceAddress: Hashable, Sendable {
    /// The interface.
    package let index: Int32
    /// AF_INET or AF_INET6.
    package let family: UInt8
    /// The length of its network's prefix.
    package let prefixLength: UInt8
    /// RT_SCOPE_.
    let scope: UInt8
    /// IFA_F_.
    let flags: UInt32
    /// IFA_LABEL: the interface's name, perhaps with a suffix behind a colon; IPv4 only.
    let label: String?
    /// The attributes that make the address, by number.
    let attributes: [UInt16: [UInt8]]

    /// IFA_LOCAL and IFA_ADDRESS (the other end of a point-to-point link), IFA_BROADCAST, IFA_RT_PRIORITY, IFA_PROTO.
    private static let keptAttributes: [UInt16] = [1, 2, 4, 9, 11]
    private static let labelAttribute = 3
    private static let flagsAttribute = 8
    /// Those that a user sets; the others say what the kernel has found out. NODAD, HOMEADDRESS, NOPREFIXROUTE, MCAUTOJOIN.
    private static let settableFlags: UInt32 = 0x02 | 0x10 | 0x200 | 0x400
    private static let permanentFlag: UInt32 = 0x80

    /// Whether it is valid everywhere and for ever: set by somebody, not learnt from a network.
    package var isGlobalAndPermanent: Bool { scope == UInt8(RT_SCOPE_UNIVERSE.rawValue) && flags & Self.permanentFlag != 0 }

    /// Reads an RTM_NEWADDR answer; nil where it is something else.
    package init?(_ reply: NetlinkReply) {
        guard Int(reply.type) == Int(RTM_NEWADDR), reply.payload.count >= RouteRequest.addressFixedSize,
            let index = reply.payload.native(Int32.self, at: 4)
        else { return nil }
        let all = reply.attributes(after: RouteRequest.addressFixedSize)
        (family, prefixLength, scope) = (reply.payload[0], reply.payload[1], reply.payload[3])
        self.index = index
        flags = all.number(Self.flagsAttribute, as: UInt32.self) ?? UInt32(reply.payload[2])
        label = all.text(Self.labelAttribute)
        var attributes: [UInt16: [UInt8]] = [:]
        for number in Self.keptAttributes { attributes[number] = all.bytes(Int(number)) }
        self.attributes = attributes
    }

    /// Asks for all addresses of the namespace, of both families.
    package static func list() -> NetlinkMessage {
        NetlinkMessage(type: Int(RTM_GETADDR), fixed: [UInt8](repeating: 0, count: RouteRequest.addressFixedSize))
    }

    /// Gives the address to an interface.
    /// - Parameters:
    ///   - name: the interface's name.
    ///   - oldName: the name of the interface it had, which its label may begin with.
    package func add(to index: Int32, named name: String, before oldName: String) -> NetlinkMessage {
        var fixed: [UInt8] = [family, prefixLength, 0, scope]
        fixed.append(native: index)
        var message = NetlinkMessage(type: Int(RTM_NEWADDR), flags: Int(NLM_F_CREATE | NLM_F_EXCL), fixed: fixed)
        for (number, value) in attributes.sorted(by: { $0.key < $1.key }) { message.add(Int(number), value) }
        if let label, label.hasPrefix(oldName + ":") {
            let renamed = name + label.dropFirst(oldName.count)
            if renamed.utf8.count <= LinkRequest.nameBytesMax { message.add(Self.labelAttribute, text: renamed) }
        }
        message.add(Self.flagsAttribute, number: flags & Self.settableFlags)
        return message
    }
}

extension NetlinkSocket {
    /// The addresses of an interface that are valid everywhere and for ever.
    package mutating func lastingAddresses(of index: Int32) throws(Fault) -> [InterfaceAddress] {
        try dump("list addresses", InterfaceAddress.list()).compactMap { InterfaceAddress($0) }
            .filter { $0.index == index && $0.isGlobalAndPermanent }
    }
}
