import Netlink
import Nftables

/// The packet filter of one bridge as scripts: two tables named after the bridge, whose rules do
/// not grow with containers; those are elements of sets and maps. Pure; docs/design/0010-networks.md
/// draws the chains and says why each rule is there.
package struct BridgeFirewall: Hashable, Sendable {
    /// The bridge's interface name.
    package let bridge: String
    /// The containers' subnet.
    package let subnet: IPv4Subnet
    /// Whether what leaves the host gets the host's address.
    package let masquerades: Bool
    /// Whether containers of the bridge reach each other without published ports.
    package let interContainer: Bool

    /// Describes the filter of a bridge.
    package init(bridge: String, subnet: IPv4Subnet, masquerades: Bool, interContainer: Bool) {
        self.bridge = bridge
        self.subnet = subnet.network
        self.masquerades = masquerades
        self.interContainer = interContainer
    }

    /// One container's entries.
    package struct Entry: Hashable, Sendable {
        /// The bridge port it is behind.
        package let port: String
        /// Its address.
        package let address: IPv4Address
        /// Its Ethernet address.
        package let mac: MACAddress
        /// What of it is published.
        package let mappings: [PortMapping]

        /// Describes a container's entries.
        package init(port: String, address: IPv4Address, mac: MACAddress, mappings: [PortMapping]) {
            self.port = port
            self.address = address
            self.mac = mac
            self.mappings = mappings
        }
    }

    /// Addresses, ports and routes between networks.
    package var routed: NftTable { NftTable(family: "ip", name: "cais-\(bridge)") }
    /// Who may say what on the bridge itself.
    package var bridged: NftTable { NftTable(family: "bridge", name: "cais-\(bridge)") }
    private var everywhere: NftCollection { NftCollection(routed, "ports_everywhere") }
    private var atAddress: NftCollection { NftCollection(routed, "ports_at_address") }
    private var members: NftCollection { NftCollection(bridged, "members") }
    private var stations: NftCollection { NftCollection(bridged, "stations") }

    /// Both tables with these containers, whatever is there of the kind now: right after a start, or
    /// a flush by somebody else. Chains that exist stay hooked, so that no connection is begun
    /// untranslated meanwhile: it would stay so, and end at the socket that holds the port.
    /// Fails where a chain or map of that name is of another kind; then ``rebuild(_:)``.
    package func refresh(_ entries: [Entry]) -> NftScript {
        whole(entries, begin: { $0.emptyTable($1) }, clear: { $0.flush($1, $2) })
    }

    /// Both tables from nothing, with these containers, in one transaction: after an upgrade.
    package func rebuild(_ entries: [Entry]) -> NftScript {
        whole(entries, begin: { $0.replaceTable($1) }, clear: { _, _, _ in })
    }

    private func whole(
        _ entries: [Entry], begin: (inout NftScript, NftTable) -> Void,
        clear: (inout NftScript, NftCollection.Kind, NftCollection) -> Void
    ) -> NftScript {
        var script = NftScript()
        func add(_ kind: NftCollection.Kind, _ collection: NftCollection, type: String) {
            script.add(kind, collection, type: type)
            clear(&script, kind, collection)
        }
        begin(&script, routed)
        add(.map, everywhere, type: "inet_proto . inet_service : ipv4_addr . inet_service")
        add(.map, atAddress, type: "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service")
        addGuard(&script)
        addTranslation(&script)
        addForwarding(&script)
        begin(&script, bridged)
        add(.set, members, type: "ifname")
        add(.set, stations, type: "ifname . ether_addr . ipv4_addr")
        addStations(&script)
        change(&script, entries) { $0.addElements($1, $2) }
        return script
    }

    /// One more container.
    package func add(_ entry: Entry) -> NftScript {
        var script = NftScript()
        change(&script, [entry]) { $0.addElements($1, $2) }
        return script
    }

    /// One container less.
    package func remove(_ entry: Entry) -> NftScript {
        var script = NftScript()
        change(&script, [entry]) { $0.deleteElements($1, $2) }
        return script
    }

    /// No trace of the bridge.
    package func deleteAll() -> NftScript {
        var script = NftScript()
        script.deleteTable(routed)
        script.deleteTable(bridged)
        return script
    }

    private func addGuard(_ script: inout NftScript) {
        // route_localnet lets the bridge carry 127.0.0.0/8; a container must not use that to reach
        // what listens on the host's loopback. Before conntrack, so it costs containers nothing else.
        script.addBaseChain(routed, "guard", type: "filter", hook: "prerouting", priority: -300)
        script.addRule(routed, "guard", "iifname \"\(bridge)\" ip daddr 127.0.0.0/8 drop")
    }

    private func addTranslation(_ script: inout NftScript) {
        script.addChain(routed, "published")
        script.addRule(routed, "published", "dnat ip to ip daddr . meta l4proto . th dport map @\(atAddress.name)")
        script.addRule(routed, "published", "dnat ip to meta l4proto . th dport map @\(everywhere.name)")
        // From outside and from containers, then from the host itself, 127.0.0.1 included.
        script.addBaseChain(routed, "arriving", type: "nat", hook: "prerouting", priority: -100)
        script.addRule(routed, "arriving", "fib daddr type local jump published")
        script.addBaseChain(routed, "own", type: "nat", hook: "output", priority: -100)
        script.addRule(routed, "own", "fib daddr type local jump published")
        script.addBaseChain(routed, "leaving", type: "nat", hook: "postrouting", priority: 100)
        // A container cannot answer to 127.0.0.1, and must not answer a neighbour directly that
        // asked the host: both are asked by the bridge instead. Two rules and not a set in one, here
        // and below: while a transaction replaces an anonymous set, a packet may find it empty.
        for source in ["127.0.0.0/8", "\(subnet)"] {
            script.addRule(routed, "leaving", "oifname \"\(bridge)\" ip saddr \(source) ct status dnat masquerade")
        }
        if masquerades { script.addRule(routed, "leaving", "oifname != \"\(bridge)\" ip saddr \(subnet) masquerade") }
    }

    private func addForwarding(_ script: inout NftScript) {
        // Into the bridge go answers and what was sent to a published port; nobody reaches an
        // unpublished one by routing to the container's address. What leaves is not ours to judge.
        script.addBaseChain(routed, "forward", type: "filter", hook: "forward", priority: 0)
        let newcomers = "ct state new,invalid,untracked ct status ! dnat drop"
        script.addRule(routed, "forward", "oifname \"\(bridge)\" iifname != \"\(bridge)\" \(newcomers)")
        if !interContainer { script.addRule(routed, "forward", "oifname \"\(bridge)\" iifname \"\(bridge)\" \(newcomers)") }
    }

    private func addStations(_ script: inout NftScript) {
        // Who speaks from the containers' subnet speaks as himself: no container takes over the
        // gateway or a neighbour. Other sources pass, since routers in containers are legitimate.
        script.addBaseChain(bridged, "guard", type: "filter", hook: "prerouting", priority: -300)
        // Bridges of others pass here too; ours is told by its ports (not by the bridge's name, which needs a kernel
        // module that is often left out).
        let ours = "iifname @\(members.name)"
        script.addRule(bridged, "guard", "\(ours) ip saddr \(subnet) iifname . ether saddr . ip saddr != @\(stations.name) drop")
        script.addRule(
            bridged, "guard", "\(ours) arp saddr ip \(subnet) iifname . arp saddr ether . arp saddr ip != @\(stations.name) drop")
        if !interContainer {
            script.addBaseChain(bridged, "forward", type: "filter", hook: "forward", priority: 0)
            script.addRule(bridged, "forward", "\(ours) oifname @\(members.name) ether type ip drop")
        }
    }

    private func change(
        _ script: inout NftScript, _ entries: [Entry], _ verb: (inout NftScript, NftCollection, [String]) -> Void
    ) {
        verb(&script, everywhere, entries.flatMap { entry in entry.mappings.filter { $0.address == .any }.map { element($0, entry) } })
        verb(&script, atAddress, entries.flatMap { entry in entry.mappings.filter { $0.address != .any }.map { element($0, entry) } })
        verb(&script, members, entries.map { "\"\($0.port)\"" })
        verb(&script, stations, entries.map { "\"\($0.port)\" . \($0.mac) . \($0.address)" })
    }

    private func element(_ mapping: PortMapping, _ entry: Entry) -> String {
        let place = mapping.address == .any ? "" : "\(mapping.address) . "
        return "\(place)\(mapping.transport.rawValue) . \(mapping.hostPort) : \(entry.address) . \(mapping.containerPort)"
    }
}
