import CLinux
import Faults
import Linux

/// News from the kernel: a socket that a multicast group's messages arrive at. It belongs to the
/// network namespace of the thread that opened it.
package struct NetlinkSubscription: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Changes of the packet filter (nf_tables).
    package static func packetFilter() throws(Fault) -> NetlinkSubscription {
        try NetlinkSubscription(family: NETLINK_NETFILTER, group: CInt(NFNLGRP_NFTABLES.rawValue))
    }

    private init(family: CInt, group: CInt) throws(Fault) {
        do throws(Errno) { descriptor = try NetlinkSubscription.open(family, group) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["subscribe to netlink group \(group)"])
        }
    }

    private static func open(_ family: CInt, _ group: CInt) throws(Errno) -> FileDescriptor {
        let descriptor = FileDescriptor(owning: try call { socket(AF_NETLINK, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), family) })
        let number = descriptor.rawValue
        // Bound, to a number of the kernel's choice: a socket without one gets no news.
        var name = sockaddr_nl()
        name.nl_family = sa_family_t(AF_NETLINK)
        try call {
            withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { cais_bind(number, $0, socklen_t(MemoryLayout<sockaddr_nl>.size)) }
            }
        }
        var group = group
        try call { setsockopt(number, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, socklen_t(MemoryLayout<CInt>.size)) }
        try descriptor.setNonBlocking(true)
        return descriptor
    }

    /// For poll(2).
    package var rawDescriptor: CInt { descriptor.rawValue }

    /// What has arrived; nil where so much had that the kernel threw some away.
    package func receive() throws(Errno) -> [NetlinkReply]? {
        let number = descriptor.rawValue
        var replies: [NetlinkReply] = []
        while true {
            var bytes = [UInt8](repeating: 0, count: NetlinkSocket.answerBytesMax)
            do throws(Errno) {
                let got = try call { bytes.withUnsafeMutableBytes { recv(number, $0.baseAddress, $0.count, 0) } }
                replies += NetlinkReply.parse(Array(bytes[..<got]))
            } catch {
                if error == .again { return replies }
                if error.rawValue == ENOBUFS { return nil }
                throw error
            }
        }
    }
}

/// A change of the packet filter, as far as it can take rules out of force.
package struct PacketFilterChange: Hashable, Sendable {
    /// What happened.
    package enum Kind: Hashable, Sendable {
        /// The table, or a chain or rule of it, is no more.
        case loss
        /// The table has a new chain.
        case chain
    }

    /// What happened.
    package let kind: Kind
    /// The table that it happened to.
    package let table: String

    /// The size of `struct nfgenmsg`.
    private static let fixedSize = 4

    /// Reads a message; nil where it is about something else.
    package init?(_ reply: NetlinkReply) {
        guard reply.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES),
            // The table's name is attribute 1 of tables, chains and rules alike.
            let table = reply.attributes(after: PacketFilterChange.fixedSize).text(Int(NFTA_TABLE_NAME.rawValue))
        else { return nil }
        self.table = table
        switch UInt32(reply.type & 0xff) {
        case NFT_MSG_DELTABLE.rawValue, NFT_MSG_DELCHAIN.rawValue, NFT_MSG_DELRULE.rawValue: kind = .loss
        case NFT_MSG_NEWCHAIN.rawValue: kind = .chain
        default: return nil
        }
    }
}
