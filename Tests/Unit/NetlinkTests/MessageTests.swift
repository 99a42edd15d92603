import CLinux
import Testing

@testable import Netlink

@Suite("Netlink messages")
struct MessageTests {
    @Test("the header counts its message, and attributes are padded to four bytes")
    func encoding() {
        var message = NetlinkMessage(type: 16, flags: 0x400, fixed: [1, 2, 3, 4])
        message.add(3, text: "ab")
        message.add(4, number: UInt16(7))
        #expect(
            message.encoded(sequence: 9, extraFlags: 5) == [
                36, 0, 0, 0, 16, 0, 5, 4, 9, 0, 0, 0, 0, 0, 0, 0,
                1, 2, 3, 4,
                7, 0, 3, 0, 0x61, 0x62, 0, 0,
                6, 0, 4, 0, 7, 0, 0, 0,
            ])
    }

    @Test("a veth is made with both ends complete in one request")
    func veth() throws {
        let message = LinkRequest.createVeth(
            LinkChange(name: "veth1", masterIndex: 5, up: true), peer: LinkChange(name: "eth0", mac: MACAddress("02:42:ac:11:00:02"), namespace: 7))
        let attributes = NetlinkAttributes(message.payload, from: LinkRequest.fixedSize)
        #expect(attributes.text(Int(IFLA_IFNAME)) == "veth1")
        #expect(attributes.number(Int(IFLA_MASTER), as: Int32.self) == 5)
        let info = try #require(attributes.nested(Int(IFLA_LINKINFO)))
        #expect(info.text(Int(IFLA_INFO_KIND)) == "veth")
        let peer = try #require(info.nested(Int(IFLA_INFO_DATA))?.bytes(Int(VETH_INFO_PEER)))
        #expect(message.payload.native(UInt32.self, at: 8) == 1 && peer.native(UInt32.self, at: 8) == 0, "only the near end is set up")
        let inside = NetlinkAttributes(peer, from: LinkRequest.fixedSize)
        #expect(inside.text(Int(IFLA_IFNAME)) == "eth0")
        #expect(inside.number(Int(IFLA_NET_NS_FD), as: UInt32.self) == 7)
        #expect(inside.bytes(Int(IFLA_ADDRESS)) == [2, 0x42, 0xac, 0x11, 0, 2])
    }

    @Test("a link is read from the kernel's answer")
    func link() throws {
        var message = NetlinkMessage(type: Int(RTM_NEWLINK), fixed: LinkRequest.fixed(index: 3, flags: 1))
        message.add(Int(IFLA_IFNAME), text: "cais0")
        message.add(Int(IFLA_MTU), number: UInt32(1500))
        message.addNested(Int(IFLA_LINKINFO)) { $0.add(Int(IFLA_INFO_KIND), text: "bridge") }
        let reply = try #require(NetlinkReply.parse(message.encoded(sequence: 1, extraFlags: 0)).first)
        let link = try #require(Link(reply))
        #expect(link.index == 3 && link.name == "cais0" && link.kind == "bridge" && link.mtu == 1500 && link.isUp)
        #expect(link.masterIndex == nil)
    }

    @Test("an address is given again with what a user has set about it")
    func interfaceAddress() throws {
        var answer = NetlinkMessage(type: Int(RTM_NEWADDR), fixed: [UInt8(AF_INET), 24, 0x80, 0, 3, 0, 0, 0])
        answer.add(1, [10, 0, 0, 1])
        answer.add(2, [10, 0, 0, 2])
        answer.add(3, text: "eth0:x")
        answer.add(8, number: UInt32(0x280))
        answer.add(6, [UInt8](repeating: 0, count: 16))
        func parsed(_ message: NetlinkMessage) -> InterfaceAddress? {
            NetlinkReply.parse(message.encoded(sequence: 1, extraFlags: 0)).first.flatMap { InterfaceAddress($0) }
        }
        let address = try #require(parsed(answer))
        #expect(address.index == 3 && address.isGlobalAndPermanent)
        let request = address.add(to: 9, named: "net1", before: "eth0")
        #expect(Array(request.payload.prefix(8)) == [UInt8(AF_INET), 24, 0, 0, 9, 0, 0, 0])
        let attributes = NetlinkAttributes(request.payload, from: 8)
        #expect(attributes.bytes(1) == [10, 0, 0, 1] && attributes.bytes(2) == [10, 0, 0, 2] && attributes.text(3) == "net1:x")
        // No prefix route was asked for; that it is permanent the kernel finds out, and how old it is does not matter.
        #expect(attributes.number(8, as: UInt32.self) == 0x200 && attributes.bytes(6) == nil)
        var learnt = NetlinkMessage(type: Int(RTM_NEWADDR), fixed: [UInt8(AF_INET6), 64, 0, 0, 3, 0, 0, 0])
        learnt.add(1, [UInt8](repeating: 1, count: 16))
        #expect(parsed(learnt)?.isGlobalAndPermanent == false)
    }

    @Test("addresses and routes are read from the kernel's answers")
    func addressesAndRoutes() throws {
        let subnet = try #require(IPv4Subnet("10.1.2.3/24"))
        func parsed(_ message: NetlinkMessage) throws -> NetlinkReply {
            try #require(NetlinkReply.parse(message.encoded(sequence: 1, extraFlags: 0)).first)
        }
        let address = try #require(LinkAddress(parsed(RouteRequest.addAddress(subnet, index: 4))))
        #expect(address.address == subnet && address.index == 4)
        let route = try #require(Route(parsed(RouteRequest.addRoute(to: subnet.network, via: nil, index: 4))))
        #expect(route.destination == subnet.network && route.index == 4)
        #expect(try Route(parsed(RouteRequest.addRoute(via: subnet.address, index: 4)))?.destination == nil)
    }

    @Test("an acknowledgement has errno 0")
    func acknowledged() throws {
        let bytes: [UInt8] = [20, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try #require(NetlinkReply.parse(bytes).first).acknowledgement.errno == 0)
    }

    @Test("a refusal carries errno and the kernel's sentence behind the echoed header")
    func refused() throws {
        var message = NetlinkMessage(type: Int(NLMSG_ERROR), flags: Int(NLM_F_CAPPED | NLM_F_ACK_TLVS), fixed: [])
        var payload: [UInt8] = []
        payload.append(native: -EEXIST)
        payload += [UInt8](repeating: 0, count: 16)
        message = NetlinkMessage(type: Int(NLMSG_ERROR), flags: Int(NLM_F_CAPPED | NLM_F_ACK_TLVS), fixed: payload)
        message.add(Int(NLMSGERR_ATTR_MSG.rawValue), text: "no room")
        let (errno, text) = try #require(NetlinkReply.parse(message.encoded(sequence: 1, extraFlags: 0)).first).acknowledgement
        #expect(errno == EEXIST && text == "no room")
    }

    @Test("a truncated datagram gives what is whole and nothing else")
    func truncated() {
        let message = RouteRequest.listRoutes().encoded(sequence: 1, extraFlags: 0)
        #expect(NetlinkReply.parse(message + message.dropLast(3)).count == 1)
        #expect(NetlinkReply.parse([1, 2, 3]).isEmpty)
        #expect(NetlinkReply.parse([4, 0, 0, 0] + [UInt8](repeating: 0, count: 20)).isEmpty, "a length below the header's ends the list")
    }

    @Test("an attribute that claims more than there is ends the list")
    func attributeTruncated() {
        #expect(NetlinkAttributes([8, 0, 1, 0, 1, 2, 3, 4, 200, 0, 2, 0]).bytes(1) == [1, 2, 3, 4])
        #expect(NetlinkAttributes([8, 0, 1, 0, 1, 2, 3, 4, 200, 0, 2, 0]).bytes(2) == nil)
        #expect(NetlinkAttributes([0, 0, 0, 0]).bytes(0) == nil)
    }

    @Test("news of the packet filter tell losses and new chains of a table, and nothing else")
    func news() {
        func change(_ kind: UInt32) -> PacketFilterChange? {
            var message = NetlinkMessage(type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(kind), fixed: [2, 0, 0, 0])
            message.add(1, text: "cais-cais0")
            return NetlinkReply.parse(message.encoded(sequence: 0, extraFlags: 0)).first.flatMap { PacketFilterChange($0) }
        }
        #expect(change(NFT_MSG_DELRULE.rawValue)?.kind == .loss)
        #expect(change(NFT_MSG_DELTABLE.rawValue)?.table == "cais-cais0")
        #expect(change(NFT_MSG_NEWCHAIN.rawValue)?.kind == .chain)
        #expect(change(NFT_MSG_NEWRULE.rawValue) == nil)
        #expect(change(NFT_MSG_NEWSETELEM.rawValue) == nil)
    }

    @Test("connections are forgotten by who answers or by the port asked for, and by nothing less")
    func connections() throws {
        let answered = NetlinkAttributes(try ConnectionRequest.forget(answeredBy: #require(IPv4Address("172.17.0.2"))).payload, from: 4)
        #expect(answered.nested(Int(CTA_TUPLE_REPLY.rawValue))?.nested(Int(CTA_TUPLE_IP.rawValue))?.ipv4(Int(CTA_IP_V4_SRC.rawValue))?.description == "172.17.0.2")
        #expect(answered.nested(Int(CTA_FILTER.rawValue))?.number(Int(CTA_FILTER_REPLY_FLAGS.rawValue), as: UInt32.self) == 1)
        let asked = NetlinkAttributes(ConnectionRequest.forget(transport: 17, port: 53).payload, from: 4)
        #expect(asked.nested(Int(CTA_TUPLE_ORIG.rawValue))?.nested(Int(CTA_TUPLE_PROTO.rawValue))?.bytes(Int(CTA_PROTO_DST_PORT.rawValue)) == [0, 53])
        #expect(asked.nested(Int(CTA_FILTER.rawValue))?.number(Int(CTA_FILTER_ORIG_FLAGS.rawValue), as: UInt32.self) == 0b101000)
    }
}
