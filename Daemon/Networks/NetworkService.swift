import EngineAPI
import EngineEvents
import EngineStore
import Faults
import Linux
import Logging
import Netlink
import OCISpec
import Synchronization

/// Owns networks and the endpoints of containers on them: namespaces, interfaces, addresses,
/// published ports. It does not know what a container runs or in which state it is; it is told
/// when one needs an endpoint and when no longer.
///
/// Needs CAP_NET_ADMIN and CAP_SYS_ADMIN. A container's commands come one after the other;
/// different containers' at the same time.
package final class NetworkService: Sendable {
    let configuration: NetworkConfiguration
    let state: Mutex<NetworkState>
    private let store: EngineStore
    private let events: EventBus
    private let log: Logger
    private let reaper: LinkReaper

    /// Reads the records; the kernel hears of nothing before ``prepare()``.
    package init(configuration: NetworkConfiguration, store: EngineStore, events: EventBus, log: Logger) throws(Fault) {
        guard configuration.bridge == "none" || BridgeDevice.isValid(name: configuration.bridge) else {
            throw Fault(.invalidArgument, "invalid bridge name \"\(configuration.bridge)\"")
        }
        self.configuration = configuration
        self.store = store
        self.events = events
        self.log = log
        reaper = LinkReaper(log: log)
        state = Mutex(try NetworkState.load(store))
    }

    /// Makes the default bridge, its rules and the sockets of published ports, or finds them. Where
    /// it cannot, containers on `none` and `host` still can be had, and connecting to the bridge says why not.
    package func prepare() async throws(Fault) {
        try await BlockingPool.shared.run { () throws(Fault) in
            do throws(Errno) { try Files.makeDirectories(self.configuration.namespaceFolder, mode: 0o711) } catch {
                throw Fault(.failed, error.description, errno: error.rawValue, trail: ["make \(self.configuration.namespaceFolder)"])
            }
            guard self.configuration.bridge != "none" else { return }
            do throws(Fault) { try self.prepareBridge() } catch {
                self.state.withLock { $0.failure = error }
                throw error.within("prepare bridge \(self.configuration.bridge)")
            }
        }
    }

    /// Connects a container: all of it or nothing. An endpoint that a crash left behind is replaced.
    package func connect(_ request: EndpointRequest) async throws(Fault) -> EndpointAttachment {
        try await BlockingPool.shared.run { () throws(Fault) in
            try request.check()
            let mode = try NetworkMode(parsing: request.mode)
            if case .container(let other) = mode { return try self.join(other) }
            return try within("failed to set up container networking") { () throws(Fault) in
                // Its address and ports stay taken for as long as it cannot be taken away.
                if let fault = self.tearDown(request.id).first { throw fault.within("remove the endpoint of an earlier start") }
                return try self.setUp(request, mode)
            }
        }
    }

    /// Takes a container's endpoint away, as far as it is there. What fails is collected, and the
    /// endpoint counts as gone only when nothing failed: the next call tries the rest.
    package func disconnect(_ id: ContainerID) async throws(Fault) {
        try await BlockingPool.shared.run { () throws(Fault) in
            let faults = self.tearDown(id)
            if let first = faults.first {
                throw Fault(first.kind, faults.map(\.description).joined(separator: "; "), errno: first.errno, trail: ["disconnect container \(id.short)"])
            }
        }
    }

    /// Removes what belongs to containers that do not run, and sees to it that the rest has its rules.
    package func reconcile(running: Set<ContainerID>) async {
        await blocking("reconcile networks") { () throws(Fault) in
            let leftover = self.state.withLock { $0.endpoints.keys.filter { !running.contains($0) } }
            for id in leftover {
                for fault in self.tearDown(id) { self.warn("network leftover stays", fault, ["container": "\(id)"]) }
            }
            self.sweep()
            if let firewall = self.state.withLock({ $0.firewall }) { try firewall.reassert() }
        }
    }

    /// What inspect shows of a connected container; nil for one that is not.
    package func settings(of id: ContainerID) -> NetworkSettings? {
        state.withLock { state in
            state.endpoints[id].map { $0.settings(networkID: state.networks[$0.network]?.id.text ?? "") }
        }
    }

    // MARK: - Making

    private func setUp(_ request: EndpointRequest, _ mode: NetworkMode) throws(Fault) -> EndpointAttachment {
        let record = try reserve(request, mode)
        do throws(Fault) {
            try save(record)
            var builder = try builder()
            try builder.apply(EndpointStep.plan(record, bridge: configuration.bridge))
        } catch {
            forget(record)
            throw error
        }
        announce("connect", record)
        let id = state.withLock { $0.networks[record.network]?.id.text ?? "" }
        return EndpointAttachment(
            namespacePath: record.namespacePath, settings: record.settings(networkID: id),
            ipv4: record.station?.address.address.description, gateway: record.station?.gateway.description)
    }

    /// Joins the namespace of a container that has one.
    private func join(_ other: String) throws(Fault) -> EndpointAttachment {
        let found = state.withLock { state in
            ContainerID(other).flatMap { state.endpoints[$0] } ?? state.endpoints.values.first { $0.name == other }
        }
        guard let found else { throw Fault(.conflict, "cannot join network of a non running container: \(other)") }
        return EndpointAttachment(
            namespacePath: found.namespacePath, settings: NetworkSettings(),
            ipv4: found.station?.address.address.description, gateway: found.station?.gateway.description)
    }

    /// Takes address and host ports, in memory.
    private func reserve(_ request: EndpointRequest, _ mode: NetworkMode) throws(Fault) -> EndpointRecord {
        let wishes = try PortWish.wishes(
            bindings: request.portBindings, exposed: request.exposedPorts, publishAll: request.publishAllPorts,
            defaultAddress: configuration.publishAddress)
        let mac = try request.mac()
        let draft = EndpointDraft(request: request, mode: mode, wishes: wishes, mac: mac, configuration: configuration)
        return try state.withLock { (state) throws(Fault) in try state.reserve(draft) }
    }

    /// Writes the record, and with it which address was handed out last.
    private func save(_ record: EndpointRecord) throws(Fault) {
        let document = try JSON.encode(record)
        let network = try state.withLock { (state) throws(Fault) -> [UInt8]? in
            guard record.station != nil, var network = state.networks[record.network] else { return nil }
            network.cursor = state.addresses?.cursor?.description
            state.networks[record.network] = network
            return try JSON.encode(network)
        }
        try store.transaction { (transaction) throws(Fault) in
            try transaction.put(.endpoints, record.container.text, document)
            if let network { try transaction.put(.networks, record.network, network) }
        }
    }

    private func builder() throws(Fault) -> EndpointBuilder {
        let (device, firewall) = state.withLock { ($0.device, $0.firewall) }
        return try EndpointBuilder(bridge: device, firewall: firewall, reaper: reaper)
    }

    // MARK: - Taking away

    private func tearDown(_ id: ContainerID) -> [Fault] {
        guard let record = state.withLock({ $0.endpoints[id] }) else { return [] }
        var faults: [Fault] = []
        do throws(Fault) {
            var builder = try builder()
            faults = builder.undo(EndpointStep.plan(record, bridge: configuration.bridge))
        } catch { faults = [error] }
        guard faults.isEmpty else { return faults }
        announce("disconnect", record)
        forget(record)
        return []
    }

    /// Gives back address and ports and deletes the record, in the order that never leaves one
    /// of them taken twice.
    private func forget(_ record: EndpointRecord) {
        do throws(Fault) { try store.delete(.endpoints, record.container.text) } catch {
            // The next start finds the record, undoes nothing, and deletes it.
            warn("endpoint record stays", error, ["container": "\(record.container)"])
        }
        state.withLock { $0.release(record) }
    }

    /// Removes namespaces and bridge ports that no record names: a record is written first, so
    /// they are of another life of this engine whose records were lost.
    private func sweep() {
        let known = state.withLock { state in
            (paths: Set(state.endpoints.values.compactMap(\.namespacePath)), ports: Set(state.endpoints.values.compactMap { $0.station?.hostInterface }))
        }
        let folder = configuration.namespaceFolder
        // No folder, nothing to sweep.
        for name in (try? Files.names(in: folder)) ?? [] where !known.paths.contains("\(folder)/\(name)") {
            do throws(Fault) { try NetworkNamespace.remove(at: "\(folder)/\(name)") } catch {
                warn("network namespace stays", error, ["path": "\(folder)/\(name)"])
            }
        }
        guard let device = state.withLock({ $0.device }) else { return }
        do throws(Fault) {
            var netlink = try NetlinkSocket()
            guard let bridge = try netlink.link(named: device.name) else { return }
            for link in try netlink.links()
            where link.masterIndex == bridge.index && link.name.hasPrefix(EndpointDraft.interfacePrefix) && !known.ports.contains(link.name) {
                reaper.reap(link.name)
            }
        } catch { warn("interfaces stay", error, ["bridge": "\(device.name)"]) }
    }

    // MARK: - The bridge

    private func prepareBridge() throws(Fault) {
        var netlink = try NetlinkSocket()
        let name = configuration.bridge
        let index = try netlink.link(named: name)?.index
        let present = try netlink.addresses().filter { $0.index == index }.map(\.address)
        let routes = try netlink.routes().filter { $0.index != index }.compactMap(\.destination)
        let last = state.withLock { $0.networks["bridge"]?.bridgeAddress }.flatMap { IPv4Subnet($0) }
        let address = try BridgeDevice.address(
            wanted: configuration.bridgeAddress, present: present, last: last, pools: configuration.addressPools, routes: routes)
        if let range = configuration.containerRange, !address.contains(range) {
            throw Fault(.invalidArgument, "the containers' range \(range) is not in the bridge's subnet \(address.network)")
        }
        if configuration.forwards { try ProcSetting.ensure("/proc/sys/net/ipv4/ip_forward", "1") }
        let device = BridgeDevice(name: name, address: address, mtu: configuration.mtu)
        let made = try device.ensure(&netlink, previous: last)
        try device.readopt(state.withLock { $0.endpoints.values.compactMap(\.station) }, index: made, &netlink)
        let firewall = try FirewallKeeper(
            BridgeFirewall(
                bridge: name, subnet: address.network, masquerades: configuration.masquerades, interContainer: configuration.interContainer))
        let (record, entries, problems) = state.withLock { $0.adopt(device, firewall, range: configuration.containerRange) }
        try firewall.assert(entries: entries)
        do throws(Fault) {
            let watch = try FirewallWatch(firewall, log: log)
            state.withLock { $0.watch = watch }
        } catch { warn("nobody watches the packet filter", error, [:]) }
        try store.put(.networks, "bridge", try JSON.encode(record))
        for problem in problems { log.warning("published port is not held by a socket", metadata: ["reason": "\(problem)"]) }
    }

    // MARK: - Telling

    private func announce(_ action: String, _ record: EndpointRecord) {
        let network = state.withLock { $0.networks[record.network] }
        events.publish(
            EventMessage(
                .network, action, id: network?.id.text ?? "",
                attributes: ["container": record.container.text, "name": record.network, "type": network?.driver ?? ""]))
    }

    private func warn(_ message: Logger.Message, _ fault: Fault, _ fields: Logger.Metadata) {
        log.warning(message, metadata: fields.merging(["error": "\(fault)"]) { $1 })
    }

    private func blocking(_ step: String, _ body: @escaping @Sendable () throws(Fault) -> Void) async {
        do throws(Fault) { try await BlockingPool.shared.run(body) } catch { warn("networks are not as they should be", error, ["step": "\(step)"]) }
    }
}
