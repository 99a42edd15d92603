import EngineAPI
import EngineStore
import Faults
import Linux
import Netlink
import OCISpec

/// What the service remembers between calls; touched with its lock held and never while waiting
/// for the kernel's network side or the disk (binding a host port is a matter of microseconds).
struct NetworkState: Sendable {
    /// By name.
    var networks: [String: NetworkRecord]
    /// By container.
    private(set) var endpoints: [ContainerID: EndpointRecord]
    /// The default bridge; nil until it is made.
    private(set) var device: BridgeDevice?
    /// Its packet filter.
    private(set) var firewall: FirewallKeeper?
    /// Who looks after that filter.
    var watch: FirewallWatch?
    /// Its addresses.
    private(set) var addresses: AddressAllocator?
    /// Why there is no default bridge.
    var failure: Fault?
    private var ports: HostPorts

    /// Reads the records and makes those of the predefined networks where they are missing. A
    /// record that cannot be read is an endpoint that cannot be found: it is left out, and the sweep removes its traces.
    static func load(_ store: EngineStore) throws(Fault) -> NetworkState {
        var networks: [String: NetworkRecord] = [:]
        for (name, driver) in NetworkRecord.predefined {
            // A damaged record only carries an ID and a preference: a new one is as good.
            if let document = try store.get(.networks, name), let record = try? JSON.decode(NetworkRecord.self, from: document) {
                networks[name] = record
            } else {
                let record = NetworkRecord(name: name, driver: driver)
                try store.put(.networks, name, try JSON.encode(record))
                networks[name] = record
            }
        }
        var endpoints: [ContainerID: EndpointRecord] = [:]
        for (key, document) in try store.all(.endpoints) {
            if let record = try? JSON.decode(EndpointRecord.self, from: document) { endpoints[record.container] = record } else {
                try store.delete(.endpoints, key)
            }
        }
        return NetworkState(networks: networks, endpoints: endpoints, ports: HostPorts(ephemeral: HostPorts.kernelRange()))
    }

    private init(networks: [String: NetworkRecord], endpoints: [ContainerID: EndpointRecord], ports: HostPorts) {
        self.networks = networks
        self.endpoints = endpoints
        self.ports = ports
    }

    /// Takes over the bridge that the kernel has now, with the addresses and ports of the endpoints
    /// on it, and returns its record, its filter's entries, and what could not be had.
    mutating func adopt(_ device: BridgeDevice, _ firewall: FirewallKeeper, range: IPv4Subnet?) -> (NetworkRecord, [BridgeFirewall.Entry], [Fault]) {
        var problems: [Fault] = []
        var record = networks["bridge"] ?? NetworkRecord(name: "bridge", driver: "bridge")
        record.bridgeAddress = device.address.description
        networks["bridge"] = record
        var addresses = AddressAllocator(
            subnet: device.address, range: range, gateway: device.address.address, cursor: record.cursor.flatMap { IPv4Address($0) })
        for station in endpoints.values.compactMap(\.station) {
            do throws(Fault) { try addresses.take(station.address.address) } catch { problems.append(error) }
            for mapping in station.mappings {
                do throws(Errno) { try ports.restore(mapping) } catch {
                    problems.append(Fault(.failed, error.description, errno: error.rawValue, trail: ["\(mapping.hostAddress):\(mapping.hostPort)"]))
                }
            }
        }
        self.device = device
        self.firewall = firewall
        self.addresses = addresses
        failure = nil
        return (record, endpoints.values.compactMap { $0.station?.firewallEntry }, problems)
    }

    /// Takes what an endpoint needs and remembers it; all or nothing.
    mutating func reserve(_ draft: EndpointDraft) throws(Fault) -> EndpointRecord {
        let endpointID = ContainerID.random()
        var station: EndpointRecord.Station?
        if draft.mode == .bridge { station = try reserveStation(draft, endpointID) }
        let record = draft.record(endpointID: endpointID, station: station)
        endpoints[record.container] = record
        return record
    }

    /// Gives back what an endpoint had.
    mutating func release(_ record: EndpointRecord) {
        guard endpoints[record.container]?.endpointID == record.endpointID else { return }
        endpoints[record.container] = nil
        guard let station = record.station else { return }
        addresses?.release(station.address.address)
        for mapping in station.mappings { ports.release(mapping) }
    }

    private mutating func reserveStation(_ draft: EndpointDraft, _ endpointID: ContainerID) throws(Fault) -> EndpointRecord.Station {
        guard let device, var pool = addresses else {
            throw failure ?? Fault(.notFound, "network bridge not found")
        }
        let address = try pool.take()
        let mappings: [PortMapping]
        do throws(Fault) { mappings = try ports.take(draft.wishes, for: address) } catch {
            let step = "driver failed programming external connectivity on endpoint \(draft.request.name) (\(endpointID))"
            throw Fault(.failed, error.description, errno: error.errno, trail: [step])
        }
        addresses = pool
        return draft.station(device, endpointID, address: address, mappings: mappings)
    }
}

/// A request that was understood, before it has an address.
struct EndpointDraft: Sendable {
    let request: EndpointRequest
    let mode: NetworkMode
    let wishes: [PortWish]
    let mac: MACAddress?
    let configuration: NetworkConfiguration

    /// What the names of bridge ports start with.
    static let interfacePrefix = "veth"
    /// How many digits of the endpoint's ID follow (15 bytes are the kernel's limit). The endpoint's
    /// and not the container's: its last interface may still be on the way out when it is started again.
    static let interfaceDigits = 8

    func station(_ device: BridgeDevice, _ endpointID: ContainerID, address: IPv4Address, mappings: [PortMapping]) -> EndpointRecord.Station {
        EndpointRecord.Station(
            hostInterface: EndpointDraft.interfacePrefix + endpointID.text.prefix(EndpointDraft.interfaceDigits),
            address: IPv4Subnet(address, prefixLength: device.address.prefixLength), mac: mac ?? MACAddress(for: address),
            gateway: device.address.address, mtu: device.mtu, mappings: mappings)
    }

    func record(endpointID: ContainerID, station: EndpointRecord.Station?) -> EndpointRecord {
        EndpointRecord(
            container: request.id, name: request.name, network: mode.networkName ?? "", endpointID: endpointID, sandboxID: ContainerID.random(),
            namespacePath: mode == .host ? nil : "\(configuration.namespaceFolder)/\(request.id)", station: station,
            exposed: Set(request.exposedPorts).union(request.portBindings.keys).sorted())
    }
}
