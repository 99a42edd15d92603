import Faults
import Netlink

/// Hands out the addresses of one subnet. Pure; who stores its state is not its business.
package struct AddressAllocator: Hashable, Sendable {
    /// The subnet.
    package let subnet: IPv4Subnet
    /// The part of it that addresses are taken from when none is asked for.
    package let range: IPv4Subnet
    /// The bridge's own address.
    package let gateway: IPv4Address
    private var taken: Set<IPv4Address> = []
    /// The last address handed out: the search goes on behind it, so that an address is at rest
    /// for as long as the range allows before somebody else has it.
    package private(set) var cursor: IPv4Address?

    /// Starts with nothing taken but what no container may have: network, broadcast and gateway.
    package init(subnet: IPv4Subnet, range: IPv4Subnet? = nil, gateway: IPv4Address, cursor: IPv4Address? = nil) {
        self.subnet = subnet.network
        self.range = (range ?? subnet).network
        self.gateway = gateway
        self.cursor = cursor
    }

    /// How many addresses containers have.
    package var takenCount: Int { taken.count }

    /// Takes the next free address.
    /// - Throws: `failed` when all are taken.
    package mutating func take() throws(Fault) -> IPv4Address {
        let first = range.first.value
        let count = UInt64(range.last.value - first) + 1
        let start = cursor.map { range.contains($0) ? UInt64($0.value - first) + 1 : 0 } ?? 0
        for step in 0..<min(count, UInt64(taken.count) + 4) {
            let candidate = IPv4Address(first + UInt32((start + step) % count))
            if isFree(candidate) {
                cursor = candidate
                taken.insert(candidate)
                return candidate
            }
        }
        throw Fault(.failed, "no available IPv4 addresses on this network's address pools: \(range)")
    }

    /// Takes this address: the one asked for, or the one a record says is in use.
    /// - Throws: `forbidden` outside the subnet, `conflict` where it is taken.
    package mutating func take(_ address: IPv4Address) throws(Fault) {
        guard subnet.contains(address), address != subnet.first, address != subnet.last else {
            throw Fault(.invalidArgument, "no configured subnet contains IP address \(address)")
        }
        guard isFree(address) else { throw Fault(.forbidden, "Address already in use") }
        taken.insert(address)
    }

    /// Gives an address back; one that nobody has is no failure.
    package mutating func release(_ address: IPv4Address) { taken.remove(address) }

    private func isFree(_ address: IPv4Address) -> Bool {
        address != subnet.first && address != subnet.last && address != gateway && !taken.contains(address)
    }

    /// The subnets that a bridge is given when nobody says which, in the order they are tried.
    package static let standard: [IPv4Subnet] = {
        let sixteens = (17...31).map { IPv4Subnet(IPv4Address(172 << 24 | $0 << 16), prefixLength: 16) }
        let twenties = (0..<16).map { IPv4Subnet(IPv4Address(192 << 24 | 168 << 16 | $0 << 12), prefixLength: 20) }
        return sixteens + twenties
    }()

    /// The first of `candidates` that shares no address with what the host already reaches.
    package static func firstFree(of candidates: [IPv4Subnet], avoiding used: [IPv4Subnet]) throws(Fault) -> IPv4Subnet {
        guard let free = candidates.first(where: { candidate in !used.contains { $0.overlaps(candidate) } }) else {
            throw Fault(.failed, "all predefined address pools have been fully subnetted")
        }
        return free
    }
}
