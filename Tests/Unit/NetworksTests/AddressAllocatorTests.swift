import Faults
import Netlink
import Testing

@testable import Networks

@Suite("Addresses of a network")
struct AddressAllocatorTests {
    static func subnet(_ text: String) throws -> IPv4Subnet { try #require(IPv4Subnet(text)) }
    static func address(_ text: String) throws -> IPv4Address { try #require(IPv4Address(text)) }

    func pool(_ subnet: String = "10.0.0.1/29", range: String? = nil) throws -> AddressAllocator {
        let subnet = try Self.subnet(subnet)
        return AddressAllocator(subnet: subnet, range: try range.map { try Self.subnet($0) }, gateway: subnet.address)
    }

    @Test("the first container gets the address behind the gateway")
    func first() throws {
        var pool = try pool("172.17.0.1/16")
        #expect(try pool.take().description == "172.17.0.2")
        #expect(try pool.take().description == "172.17.0.3")
    }

    @Test("a returned address rests until the others have been handed out")
    func rest() throws {
        var pool = try pool()
        let first = try pool.take()
        pool.release(first)
        #expect(try pool.take() != first)
        let others = try (0..<3).map { _ in try pool.take() }
        #expect(!others.contains(first))
        #expect(try pool.take() == first)
    }

    @Test("network, broadcast and gateway are nobody's, and a full pool says so")
    func full() throws {
        var pool = try pool()
        let all = try (0..<5).map { _ in try pool.take().description }
        #expect(Set(all) == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"])
        #expect(throws: Fault.self) { try pool.take() }
    }

    @Test("addresses come from the range where there is one")
    func range() throws {
        var pool = try pool("10.0.0.1/24", range: "10.0.0.128/30")
        #expect(try (0..<4).map { _ in try pool.take().description } == ["10.0.0.128", "10.0.0.129", "10.0.0.130", "10.0.0.131"])
        #expect(throws: Fault.self) { try pool.take() }
    }

    @Test("an address asked for by name is taken once, and only inside the subnet")
    func named() throws {
        var pool = try pool()
        try pool.take(Self.address("10.0.0.2"))
        #expect(throws: Fault.self) { try pool.take(Self.address("10.0.0.2")) }
        #expect(throws: Fault.self) { try pool.take(Self.address("10.0.0.1")) }
        #expect(throws: Fault.self) { try pool.take(Self.address("10.0.0.7")) }
        #expect(throws: Fault.self) { try pool.take(Self.address("10.0.1.2")) }
        #expect(try pool.take().description == "10.0.0.3")
    }

    @Test("the cursor of an earlier life is honoured")
    func cursor() throws {
        let subnet = try Self.subnet("10.0.0.1/24")
        var pool = AddressAllocator(subnet: subnet, gateway: subnet.address, cursor: try Self.address("10.0.0.77"))
        #expect(try pool.take().description == "10.0.0.78")
    }

    @Test("a bridge gets the first subnet that the host does not reach already")
    func firstFree() throws {
        #expect(try AddressAllocator.firstFree(of: AddressAllocator.standard, avoiding: []).description == "172.17.0.0/16")
        let used = try [Self.subnet("172.17.3.0/24"), Self.subnet("172.18.0.0/15")]
        #expect(try AddressAllocator.firstFree(of: AddressAllocator.standard, avoiding: used).description == "172.20.0.0/16")
        #expect(throws: Fault.self) { try AddressAllocator.firstFree(of: AddressAllocator.standard, avoiding: [Self.subnet("128.0.0.0/1")]) }
    }

    @Test("a bridge keeps what it has, then what it had, then takes what is free")
    func bridgeAddress() throws {
        let present = try Self.subnet("10.9.0.1/24")
        let last = try Self.subnet("10.8.0.1/24")
        func choose(_ wanted: IPv4Subnet?, _ present: [IPv4Subnet], _ routes: [IPv4Subnet]) throws -> String {
            try BridgeDevice.address(wanted: wanted, present: present, last: last, pools: AddressAllocator.standard, routes: routes).description
        }
        #expect(try choose(Self.subnet("10.7.0.1/24"), [present], []) == "10.7.0.1/24")
        #expect(try choose(nil, [present], []) == "10.9.0.1/24")
        #expect(try choose(nil, [], []) == "10.8.0.1/24")
        #expect(try choose(nil, [], [Self.subnet("10.0.0.0/8")]) == "172.17.0.1/16")
        #expect(throws: Fault.self) { try choose(Self.subnet("10.7.0.0/24"), [], []) }
    }
}
