import Faults
import Netlink

/// The bridge as it shall be in the kernel: making it, finding it again, and choosing its address.
struct BridgeDevice: Hashable, Sendable {
    /// Its interface name.
    let name: String
    /// Its own address, which is the containers' gateway, with the subnet.
    let address: IPv4Subnet
    /// The largest packet in bytes.
    let mtu: UInt32

    /// Whether `name` can name an interface and, prefixed, a table of the packet filter.
    static func isValid(name: String) -> Bool {
        (1...LinkRequest.nameBytesMax).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
            }
    }

    /// The address of a bridge whose administrator has said none: what the device has already,
    /// else what it had last time, else the first pool the host does not reach otherwise. Pure.
    static func address(
        wanted: IPv4Subnet?, present: [IPv4Subnet], last: IPv4Subnet?, pools: [IPv4Subnet], routes: [IPv4Subnet]
    ) throws(Fault) -> IPv4Subnet {
        if let wanted {
            guard wanted.prefixLength <= 30, wanted.address != wanted.first, wanted.address != wanted.last else {
                throw Fault(.invalidArgument, "invalid bridge address \(wanted): it must name the bridge's own address in its subnet")
            }
            return wanted
        }
        if let address = present.first { return address }
        if let last, !routes.contains(where: { $0.overlaps(last) }) { return last }
        let subnet = try AddressAllocator.firstFree(of: pools, avoiding: routes)
        return IPv4Subnet(IPv4Address(subnet.first.value + 1), prefixLength: subnet.prefixLength)
    }

    /// Makes the device or completes the one that is there, and returns its index. Idempotent. Of
    /// the addresses it has besides, only `previous`, which an earlier life of the engine gave it, is taken away.
    func ensure(_ netlink: inout NetlinkSocket, previous: IPv4Subnet? = nil) throws(Fault) -> Int32 {
        if try netlink.link(named: name) == nil {
            // A fixed Ethernet address: without one a bridge takes that of a port, and changes it when the port goes.
            let link = LinkChange(name: name, mac: MACAddress(for: address.address), mtu: mtu)
            try netlink.request("make bridge \(name)", LinkRequest.create(kind: "bridge", link))
        }
        guard let link = try netlink.link(named: name) else { throw Fault(.failed, "bridge \(name) vanished while it was made") }
        guard link.kind == "bridge" else { throw Fault(.conflict, "interface \(name) exists and is no bridge") }
        try settle(link.index, previous, &netlink)
        if !link.isUp { try netlink.request("set \(name) up", LinkRequest.change(index: link.index, LinkChange(up: true))) }
        return link.index
    }

    /// Takes the ports of running containers back where the bridge has been made anew under them.
    func readopt(_ stations: [EndpointRecord.Station], index: Int32, _ netlink: inout NetlinkSocket) throws(Fault) {
        if stations.isEmpty { return }
        let links = Dictionary(try netlink.links().map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        for station in stations {
            guard let link = links[station.hostInterface], link.masterIndex != index else { continue }
            let step = "connect \(link.name) to \(name) again"
            try netlink.request(step, LinkRequest.change(index: link.index, LinkChange(masterIndex: index, up: true)))
            try netlink.request(step, LinkRequest.hairpin(index: link.index, true))
            try netlink.request(step, RouteRequest.setNeighbour(station.address.address, station.mac, index: index))
        }
    }

    private func settle(_ index: Int32, _ previous: IPv4Subnet?, _ netlink: inout NetlinkSocket) throws(Fault) {
        let folder = "/proc/sys/net/ipv4/conf/\(name)"
        try ProcSetting.ensure("\(folder)/route_localnet", "1")
        let ipv6 = "/proc/sys/net/ipv6/conf/\(name)"
        if NetworkNamespace.exists(at: ipv6) {
            try ProcSetting.ensure("\(ipv6)/accept_ra", "0")
            try ProcSetting.ensure("\(ipv6)/disable_ipv6", "1")
        }
        let present = try netlink.addresses().filter { $0.index == index }.map(\.address)
        for other in present where other != address && other == previous {
            try netlink.request("take \(other) from \(name)", RouteRequest.deleteAddress(other, index: index))
        }
        if !present.contains(address) {
            try netlink.request("give \(address) to \(name)", RouteRequest.addAddress(address, index: index))
        }
    }
}
