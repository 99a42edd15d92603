import CLinux
import Faults

/// Requests about connections that the kernel tracks, as messages (ctnetlink).
package enum ConnectionRequest {
    /// What a filter compares; the kernel keeps these numbers (net/netfilter/nf_internals.h) out of its public headers.
    private enum Compare {
        static let source: UInt32 = 1 << 0
        static let transport: UInt32 = 1 << 3
        static let destinationPort: UInt32 = 1 << 5
    }

    /// Forgets every connection that is answered by `address`: those translated to a container that
    /// is no more. Without it a peer that goes on sending (UDP) would be sent to nobody for ever.
    package static func forget(answeredBy address: IPv4Address) -> NetlinkMessage {
        forget(filter: CTA_FILTER_REPLY_FLAGS, compare: Compare.source) { message in
            message.addNested(nested(CTA_TUPLE_REPLY)) { tuple in
                tuple.addNested(nested(CTA_TUPLE_IP)) { $0.add(Int(CTA_IP_V4_SRC.rawValue), address.octets) }
            }
        }
    }

    /// Forgets every connection that was asked for at `port`, whoever answers: from before the port was published.
    package static func forget(transport: UInt8, port: UInt16) -> NetlinkMessage {
        forget(filter: CTA_FILTER_ORIG_FLAGS, compare: Compare.transport | Compare.destinationPort) { message in
            message.addNested(nested(CTA_TUPLE_ORIG)) { tuple in
                tuple.addNested(nested(CTA_TUPLE_PROTO)) { proto in
                    proto.add(Int(CTA_PROTO_NUM.rawValue), [transport])
                    proto.add(Int(CTA_PROTO_DST_PORT.rawValue), number: port.bigEndian)
                }
            }
        }
    }

    private static func forget(
        filter: ctattr_filter, compare: UInt32, _ tuple: (inout NetlinkMessage) -> Void
    ) -> NetlinkMessage {
        // Version 1: the family counts. An older kernel takes the incomplete tuple for an error, and forgets nothing.
        var message = NetlinkMessage(
            type: Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_DELETE.rawValue), fixed: [UInt8(AF_INET), 1, 0, 0])
        tuple(&message)
        message.addNested(nested(CTA_FILTER)) { $0.add(Int(filter.rawValue), number: compare) }
        return message
    }

    /// This part of the kernel insists on nested attributes saying so.
    private static func nested(_ attribute: some RawRepresentable<UInt32>) -> Int { Int(attribute.rawValue) | Int(NLA_F_NESTED) }
}
