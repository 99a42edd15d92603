import CLinux
import Faults
import Netlink

/// What has to be made for one endpoint, in order. Pure; ``EndpointBuilder`` carries it out and
/// undoes it from the end.
enum EndpointStep: Hashable, Sendable {
    /// A network namespace bound to a file, its loopback up.
    case namespace(path: String)
    /// Two connected interfaces: `hostInterface` a port of `bridge`, the other inside as `eth0`, both up.
    case interfaces(hostInterface: String, bridge: String, mac: MACAddress, mtu: UInt32)
    /// The address inside.
    case address(IPv4Subnet)
    /// The way out, inside.
    case defaultRoute(via: IPv4Address)
    /// The bridge knows where the address is and asks nobody.
    case neighbour(IPv4Address, MACAddress)
    /// The packet filter lets the container speak, and translates its published ports.
    case firewall(BridgeFirewall.Entry)

    /// What stands in an error's trail.
    var name: String {
        switch self {
        case .namespace(let path): "make network namespace \(path)"
        case .interfaces(let hostInterface, let bridge, _, _): "connect \(hostInterface) to \(bridge)"
        case .address(let address): "give \(address) to eth0"
        case .defaultRoute(let gateway): "route by \(gateway)"
        case .neighbour(let address, _): "announce \(address)"
        case .firewall(let entry): "open packet filter for \(entry.address)"
        }
    }

    /// The steps for a record.
    static func plan(_ record: EndpointRecord, bridge: String) -> [EndpointStep] {
        guard let path = record.namespacePath else { return [] }
        guard let station = record.station else { return [.namespace(path: path)] }
        return [
            .namespace(path: path),
            .interfaces(hostInterface: station.hostInterface, bridge: bridge, mac: station.mac, mtu: station.mtu),
            .address(station.address),
            .defaultRoute(via: station.gateway),
            .neighbour(station.address.address, station.mac),
            .firewall(station.firewallEntry),
        ]
    }
}

/// Carries out the steps of one endpoint, and undoes them.
struct EndpointBuilder: ~Copyable {
    /// The bridge's device, made again where somebody removed it.
    private let bridge: BridgeDevice?
    private let firewall: FirewallKeeper?
    private let reaper: LinkReaper
    private var host: NetlinkSocket
    private var namespace: NetworkNamespace.Handle?
    private var bridgeIndex: Int32 = 0
    private var insideIndex: Int32 = 0

    /// The interface's name inside.
    static let inside = "eth0"

    /// Opens the way to the kernel from the engine's own namespace.
    init(bridge: BridgeDevice?, firewall: FirewallKeeper?, reaper: LinkReaper) throws(Fault) {
        self.bridge = bridge
        self.firewall = firewall
        self.reaper = reaper
        host = try NetlinkSocket()
    }

    /// Does all steps, or none: what was done is undone before the fault leaves.
    mutating func apply(_ steps: [EndpointStep]) throws(Fault) {
        var done: [EndpointStep] = []
        for step in steps {
            done.append(step)
            do throws(Fault) { try apply(step) } catch {
                // The step that failed may have done half; undoing is idempotent.
                _ = undo(done)
                throw error.within(step.name)
            }
        }
    }

    /// Undoes steps from the end, never stops at a failure, and returns all of them.
    mutating func undo(_ steps: [EndpointStep]) -> [Fault] {
        var faults: [Fault] = []
        for step in steps.reversed() {
            do throws(Fault) { try undo(step) } catch { faults.append(error.within("undo: \(step.name)")) }
        }
        return faults
    }

    private mutating func apply(_ step: EndpointStep) throws(Fault) {
        switch step {
        case .namespace(let path): namespace = try NetworkNamespace.create(at: path)
        case .interfaces(let hostInterface, let bridge, let mac, let mtu):
            try connect(hostInterface, to: bridge, mac, mtu)
        case .address(let address):
            try namespace?.inside.request("add address", RouteRequest.addAddress(address, index: insideIndex))
        case .defaultRoute(let gateway):
            try namespace?.inside.request("add route", RouteRequest.addRoute(via: gateway, index: insideIndex))
        case .neighbour(let address, let mac):
            try host.request("set neighbour", RouteRequest.setNeighbour(address, mac, index: bridgeIndex))
        case .firewall(let entry):
            try firewall?.add(entry)
            forgetConnections(entry) { mapping in
                ConnectionRequest.forget(transport: UInt8(IPPROTO_UDP), port: mapping.hostPort)
            }
        }
    }

    private mutating func undo(_ step: EndpointStep) throws(Fault) {
        switch step {
        case .namespace(let path): try NetworkNamespace.remove(at: path)
        case .interfaces(let hostInterface, _, _, _): reaper.reap(hostInterface)
        // They end with the interface.
        case .address, .defaultRoute: break
        case .neighbour(let address, _): try forget(address)
        case .firewall(let entry):
            try firewall?.remove(port: entry.port)
            forgetConnections(entry) { _ in ConnectionRequest.forget(answeredBy: entry.address) }
        }
    }

    private mutating func connect(_ hostInterface: String, to bridgeName: String, _ mac: MACAddress, _ mtu: UInt32) throws(Fault) {
        guard let bridge else { throw Fault(.unavailable, "there is no bridge \(bridgeName)") }
        let found = try host.link(named: bridgeName)
        bridgeIndex = if let found, found.isUp { found.index } else { try bridge.ensure(&host) }
        guard let target = namespace?.descriptor.rawValue else { throw Fault(.failed, "there is no namespace to connect") }
        try host.request(
            "make veth \(hostInterface)",
            LinkRequest.createVeth(
                LinkChange(name: hostInterface, mtu: mtu, masterIndex: bridgeIndex, up: true),
                peer: LinkChange(name: EndpointBuilder.inside, mac: mac, mtu: mtu, namespace: target)))
        guard let port = try host.link(named: hostInterface) else { throw Fault(.failed, "interface \(hostInterface) vanished") }
        try host.request("set hairpin", LinkRequest.hairpin(index: port.index, true))
        guard let link = try namespace?.inside.link(named: EndpointBuilder.inside) else {
            throw Fault(.failed, "interface \(EndpointBuilder.inside) is not there")
        }
        insideIndex = link.index
        try namespace?.inside.request("set \(EndpointBuilder.inside) up", LinkRequest.change(index: link.index, LinkChange(up: true)))
    }

    /// UDP peers go on sending, and as long as they do the kernel goes on translating as it did when
    /// they began. Where it cannot be told to forget, they have to pause for 30 seconds.
    private func forgetConnections(_ entry: BridgeFirewall.Entry, _ request: (PortMapping) -> NetlinkMessage) {
        let messages = Set(entry.mappings.filter { $0.transport == .udp }.map(request))
        guard !messages.isEmpty, var netlink = try? NetlinkSocket(.netfilter) else { return }
        for message in messages { try? netlink.request("forget connections", message) }  // ENOENT: there were none.
    }

    private mutating func forget(_ address: IPv4Address) throws(Fault) {
        guard let bridge, let link = try host.link(named: bridge.name) else { return }
        do throws(Fault) {
            try host.request("delete neighbour", RouteRequest.deleteNeighbour(address, index: link.index))
        } catch {
            if error.kind != .notFound { throw error }
        }
    }
}
