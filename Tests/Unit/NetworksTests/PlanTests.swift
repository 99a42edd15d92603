import EngineAPI
import Faults
import Netlink
import OCISpec
import Testing

@testable import Networks

@Suite("Endpoints")
struct PlanTests {
    static let id = ContainerID(String(repeating: "ab", count: 32))!

    static let endpoint = ContainerID(String(repeating: "cd", count: 32))!

    static func record(mode: String, ports: [String: [PortBinding]] = [:]) throws -> EndpointRecord {
        var request = EndpointRequest(id: id, name: "web", hostname: "abababababab", mode: mode)
        request.portBindings = ports
        request.exposedPorts = ["443/tcp"]
        let mode = try NetworkMode(parsing: mode)
        let draft = EndpointDraft(request: request, mode: mode, wishes: [], mac: try request.mac(), configuration: NetworkConfiguration(execRoot: "/run/cais"))
        let device = BridgeDevice(name: "cais0", address: IPv4Subnet("172.17.0.1/16")!, mtu: 1500)
        let mappings = try ports.map { key, value in
            PortMapping(hostAddress: .any, hostPort: UInt16(value[0].hostPort)!, container: try ContainerPort(parsing: key))
        }
        let station = mode == .bridge ? draft.station(device, endpoint, address: IPv4Address("172.17.0.2")!, mappings: mappings) : nil
        return draft.record(endpointID: endpoint, station: station)
    }

    @Test("on the bridge: namespace, interfaces, address, route, neighbour, and the packet filter last")
    func bridge() throws {
        let path = "/run/cais/netns/\(Self.id)"
        let mac = MACAddress("02:42:ac:11:00:02")!
        let address = IPv4Address("172.17.0.2")!
        #expect(
            try EndpointStep.plan(Self.record(mode: "default"), bridge: "cais0") == [
                .namespace(path: path),
                .interfaces(hostInterface: "vethcdcdcdcd", bridge: "cais0", mac: mac, mtu: 1500),
                .address(IPv4Subnet(address, prefixLength: 16)),
                .defaultRoute(via: IPv4Address("172.17.0.1")!),
                .neighbour(address, mac),
                .firewall(BridgeFirewall.Entry(port: "vethcdcdcdcd", address: address, mac: mac, mappings: [])),
            ])
    }

    @Test("on none a namespace, on host nothing")
    func others() throws {
        #expect(try EndpointStep.plan(Self.record(mode: "none"), bridge: "cais0") == [.namespace(path: "/run/cais/netns/\(Self.id)")])
        #expect(try EndpointStep.plan(Self.record(mode: "host"), bridge: "cais0").isEmpty)
    }

    @Test("a record survives the store")
    func roundTrip() throws {
        let record = try Self.record(mode: "bridge", ports: ["80/tcp": [PortBinding(hostIP: "", hostPort: "8080")]])
        #expect(try JSON.decode(EndpointRecord.self, from: JSON.encode(record)) == record)
        let none = try Self.record(mode: "none")
        #expect(try JSON.decode(EndpointRecord.self, from: JSON.encode(none)) == none)
    }

    @Test("inspect shows published ports with their host side, and exposed ones without")
    func settings() throws {
        let settings = try Self.record(mode: "bridge", ports: ["80/tcp": [PortBinding(hostIP: "", hostPort: "8080")]]).settings(networkID: "n")
        #expect(settings.ports["80/tcp"] == .some([PortBinding(hostIP: "0.0.0.0", hostPort: "8080")]))
        #expect(settings.ports["443/tcp"] == .some(nil))
        #expect(settings.networks["bridge"]?.ipAddress == "172.17.0.2")
        #expect(settings.ipAddress == "172.17.0.2" && settings.gateway == "172.17.0.1" && settings.ipPrefixLen == 16)
    }

    @Test("wishes that the default bridge cannot serve are refused")
    func refused() throws {
        var request = EndpointRequest(id: Self.id, name: "web", hostname: "h", mode: "bridge")
        try request.validate()
        request.ipv4 = "172.17.0.9"
        #expect(throws: Fault.self) { try request.validate() }
        request.ipv4 = nil
        request.macAddress = "01:00:5e:00:00:01"
        #expect(throws: Fault.self) { try request.validate() }
        request.macAddress = nil
        request.aliases = ["db"]
        #expect(throws: Fault.self) { try request.validate() }
        let unknown = EndpointRequest(id: Self.id, name: "web", hostname: "h", mode: "backend")
        let fault = #expect(throws: Fault.self) { try unknown.check() }
        #expect(fault?.kind == .notFound && fault?.reason == "network backend not found")
        #expect(throws: Fault(.invalidArgument, "network backend not found")) { try unknown.validate() }
    }

    @Test("an interface's name is one the kernel and the packet filter take")
    func bridgeNames() {
        #expect(BridgeDevice.isValid(name: "cais0") && BridgeDevice.isValid(name: "br-1.x_y"))
        for name in ["", "a/b", "a b", "bridge-too-long-x", "..", "a\"b", "ä"] { #expect(!BridgeDevice.isValid(name: name)) }
    }
}
