import Faults
import OCISpec
import Testing

@testable import RuntimeCore

@Suite struct NetDevicePlanTests {
    typealias Device = RuntimeSpec.Linux.NetDevice
    let own = NamespacePlan(created: [.network])

    @Test("devices are moved in the order of their names, and keep theirs where none is given")
    func names() throws {
        let plan = try NetDevicePlan.make(["eth1": Device(name: "a0"), "eth0": Device(), "wlan0": Device(name: "eth%d"), "x": Device(name: "")], namespaces: own)
        #expect(plan == [
            PlannedNetDevice(hostName: "eth0", name: "eth0"), PlannedNetDevice(hostName: "eth1", name: "a0"),
            PlannedNetDevice(hostName: "wlan0", name: "eth%d"), PlannedNetDevice(hostName: "x", name: "x"),
        ])
        #expect(plan.map(\.isTemplate) == [false, false, true, false])
        #expect(try NetDevicePlan.make([:], namespaces: NamespacePlan()).isEmpty && NetDevicePlan.make(nil, namespaces: NamespacePlan()).isEmpty)
    }

    @Test("a joined network namespace is one of the container's own, the host's is not")
    func namespaces() throws {
        let joined = NamespacePlan(joined: [.init(kind: .network, name: "network", path: "/run/netns/a")])
        #expect(try NetDevicePlan.make(["eth0": Device()], namespaces: joined).count == 1)
        #expect(throws: Fault.self) { try NetDevicePlan.make(["eth0": Device()], namespaces: NamespacePlan(created: [.mount])) }
    }

    @Test(
        "what is no name is refused, with the device's name",
        arguments: ["a/b", "a b", "a:1", ".", "..", "a%d0", "%s", "a%%d", "sixteen-letters-", "tab\t"])
    func refused(name: String) {
        #expect { try NetDevicePlan.make(["eth0": Device(name: name)], namespaces: own) } throws: { "\($0)".contains("linux.netDevices.eth0.name") }
        #expect(throws: Fault.self) { try NetDevicePlan.make([name: Device(name: "a")], namespaces: own) }
    }

    @Test("two devices cannot have one name, but one template")
    func twice() throws {
        #expect(throws: Fault.self) { try NetDevicePlan.make(["a": Device(name: "c"), "b": Device(name: "c")], namespaces: own) }
        #expect(throws: Fault.self) { try NetDevicePlan.make(["a": Device(name: "b"), "b": Device()], namespaces: own) }
        #expect(try NetDevicePlan.make(["a": Device(name: "e%d"), "b": Device(name: "e%d")], namespaces: own).count == 2)
        #expect(throws: Fault.self) { try NetDevicePlan.make(["a%d": Device()], namespaces: own) }
    }
}
