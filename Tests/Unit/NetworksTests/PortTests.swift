import CLinux
import EngineAPI
import Faults
import Linux
import Netlink
import Testing

@testable import Networks

@Suite("Published ports", .serialized)
struct PortTests {
    func wishes(_ bindings: [String: [(String, String)]], exposed: [String] = [], all: Bool = false) throws(Fault) -> [PortWish] {
        try PortWish.wishes(
            bindings: bindings.mapValues { $0.map { PortBinding(hostIP: $0.0, hostPort: $0.1) } }, exposed: exposed, publishAll: all,
            defaultAddress: .any)
    }

    @Test("a binding names container port, address and host port")
    func binding() throws {
        let wish = try #require(try wishes(["80/tcp": [("127.0.0.1", "8080")]]).first)
        #expect(wish == PortWish(ContainerPort(80, .tcp), at: IPv4Address(0x7f00_0001), hostPorts: 8080...8080))
    }

    @Test("no host port, or 0, leaves the choice to the engine", arguments: ["", "0"])
    func free(port: String) throws {
        #expect(try wishes(["53/udp": [("", port)]]).first?.hostPorts == nil)
    }

    @Test("a range offers several host ports")
    func range() throws {
        #expect(try wishes(["80": [("", "8000-8010")]]).first?.hostPorts == 8000...8010)
    }

    @Test("publishing all takes what is exposed and not bound")
    func all() throws {
        let wishes = try wishes(["80/tcp": [("", "8080")]], exposed: ["80/tcp", "443/tcp", "53/udp"], all: true)
        #expect(wishes.map(\.container.description) == ["80/tcp", "53/udp", "443/tcp"])
        #expect(wishes.map { $0.hostPorts == nil } == [false, true, true])
    }

    @Test("what cannot be understood is refused", arguments: ["0/tcp", "x/tcp", "80/icmp", "70000", "80/tcp/udp", ""])
    func malformed(port: String) {
        #expect(throws: Fault.self) { try wishes([port: [("", "1")]]) }
    }

    @Test("host sides that cannot be are refused", arguments: [("::1", "80"), ("300.1.1.1", "80"), ("", "80-70"), ("", "99999"), ("", "a"), ("", "1-2-3")])
    func malformedHost(address: String, port: String) {
        #expect(throws: Fault.self) { try wishes(["80/tcp": [(address, port)]]) }
    }

    @Test("a host port is taken once, and free again after its release")
    func once() throws {
        var ports = HostPorts(ephemeral: 40000...40999)
        let address = IPv4Address(0xac11_0002)
        let wish = PortWish(ContainerPort(80, .tcp), at: IPv4Address(0x7f00_0001), hostPorts: nil)
        let mapping = try #require(try ports.take([wish], for: address).first)
        let again = PortWish(wish.container, at: wish.hostAddress, hostPorts: mapping.hostPort...mapping.hostPort)
        let fault = #expect(throws: Fault.self) { try ports.take([again], for: address) }
        #expect(fault?.reason == "Bind for 127.0.0.1:\(mapping.hostPort) failed: port is already allocated")
        ports.release(mapping)
        #expect(try ports.take([again], for: address) == [mapping])
    }

    @Test("a port that another program has is refused in other words")
    func foreign() throws {
        var mine = HostPorts(ephemeral: 41000...41999)
        var other = HostPorts(ephemeral: 41000...41999)
        let address = IPv4Address(0xac11_0002)
        let mapping = try #require(try other.take([PortWish(ContainerPort(80, .tcp), at: IPv4Address(0x7f00_0001), hostPorts: nil)], for: address).first)
        let wish = PortWish(ContainerPort(80, .tcp), at: mapping.address, hostPorts: mapping.hostPort...mapping.hostPort)
        let fault = #expect(throws: Fault.self) { try mine.take([wish], for: address) }
        #expect(fault?.reason == "failed to bind host port for 127.0.0.1:\(mapping.hostPort):172.17.0.2:80/tcp: address already in use")
    }

    @Test("ports are taken all or none")
    func allOrNone() throws {
        var ports = HostPorts(ephemeral: 42000...42999)
        let loopback = IPv4Address(0x7f00_0001)
        let first = PortWish(ContainerPort(80, .tcp), at: loopback, hostPorts: nil)
        let mapping = try #require(try ports.take([first], for: loopback).first)
        ports.release(mapping)
        let same = PortWish(ContainerPort(80, .tcp), at: loopback, hostPorts: mapping.hostPort...mapping.hostPort)
        #expect(throws: Fault.self) { try ports.take([same, same], for: loopback) }
        #expect(try ports.take([same], for: loopback) == [mapping])
    }

    @Test("connections of the past do not hinder a port, and it is held against others all the same")
    func timeWait() throws {
        let loopback = IPv4Address(0x7f00_0001)
        var ports = HostPorts(ephemeral: 43000...43999)
        let mapping = try #require(try ports.take([PortWish(ContainerPort(80, .tcp), at: loopback, hostPorts: nil)], for: loopback).first)
        ports.release(mapping)
        let port = mapping.hostPort
        let listener = try FileDescriptor(owning: call { socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0) })
        // As servers do; without it the kernel keeps the port from everybody until TIME_WAIT is over.
        var on: CInt = 1
        try call { setsockopt(listener.rawValue, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size)) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = loopback.value.bigEndian
        func bound(_ descriptor: CInt, _ body: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt) throws {
            try withUnsafePointer(to: &name) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    _ = try call { body(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size)) }
                }
            }
        }
        try bound(listener.rawValue) { cais_bind($0, $1, $2) }
        try call { listen(listener.rawValue, 1) }
        // The server's side closes first, so the port is left in TIME_WAIT.
        do {
            let client = try FileDescriptor(owning: call { socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0) })
            try bound(client.rawValue) { cais_connect($0, $1, $2) }
            do { _ = try FileDescriptor(owning: call { cais_accept(listener.rawValue, 0) }) }
        }
        _ = consume listener
        let held = try HeldPort.hold(.tcp, loopback, port)
        _ = withExtendedLifetime(held) { #expect(throws: Errno.self) { try HeldPort.hold(.tcp, loopback, port) } }
    }
}
