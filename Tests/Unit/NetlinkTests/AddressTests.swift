import Testing

@testable import Netlink

@Suite("Addresses")
struct AddressTests {
    @Test("a dotted quad is read and written back", arguments: ["0.0.0.0", "127.0.0.1", "172.17.0.2", "255.255.255.255"])
    func quad(text: String) {
        #expect(IPv4Address(text)?.description == text)
    }

    @Test(
        "what is no dotted quad is refused",
        arguments: ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1..2.3", "1.2.3.+4", " 1.2.3.4", "1.2.3.4 ", "::1", "a.b.c.d"])
    func noQuad(text: String) {
        #expect(IPv4Address(text) == nil)
    }

    @Test("a subnet knows its ends and who is in it")
    func subnet() throws {
        let subnet = try #require(IPv4Subnet("172.17.5.9/16"))
        #expect(subnet.first == IPv4Address("172.17.0.0"))
        #expect(subnet.last == IPv4Address("172.17.255.255"))
        #expect(subnet.network.description == "172.17.0.0/16")
        #expect(try subnet.contains(#require(IPv4Address("172.17.255.1"))))
        #expect(try !subnet.contains(#require(IPv4Address("172.18.0.0"))))
    }

    @Test("the whole world and a single address are subnets too")
    func extremes() throws {
        let all = try #require(IPv4Subnet("0.0.0.0/0"))
        let one = try #require(IPv4Subnet("10.0.0.1/32"))
        #expect(all.contains(one) && all.overlaps(one) && one.overlaps(all))
        #expect(one.first == one.last)
    }

    @Test("what is no subnet is refused", arguments: ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/a", "10.0.0.0/+8", "/8"])
    func noSubnet(text: String) {
        #expect(IPv4Subnet(text) == nil)
    }

    @Test("an Ethernet address follows from an IPv4 address")
    func derived() throws {
        #expect(try MACAddress(for: #require(IPv4Address("172.17.0.2"))).description == "02:42:ac:11:00:02")
    }

    @Test("Ethernet addresses are read in both spellings and malformed ones refused")
    func mac() {
        #expect(MACAddress("02:42:AC:11:00:02") == MACAddress("02-42-ac-11-00-02"))
        #expect(MACAddress("02:42:ac:11:00") == nil)
        #expect(MACAddress("02:42:ac:11:00:0g") == nil)
        #expect(MACAddress("02:42:ac:11:00:+2") == nil)
        #expect(MACAddress("01:00:5e:00:00:01")?.isMulticast == true)
    }
}
