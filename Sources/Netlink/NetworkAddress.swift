// Addresses as values: parsing, printing and arithmetic. They know no socket and no byte order but their own.

/// An IPv4 address; its value is in host byte order, so that addresses count upwards.
package struct IPv4Address: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 32 bits, most significant octet first when printed.
    package let value: UInt32

    /// Wraps 32 bits.
    package init(_ value: UInt32) { self.value = value }

    /// 0.0.0.0: every local address.
    package static let any = IPv4Address(0)

    /// Parses a dotted quad; no leading zeros, no short forms, nothing around it.
    package init?(_ text: some StringProtocol) {
        var value: UInt32 = 0
        var count = 0
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard count < 4, (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let octet = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(octet)
            count += 1
        }
        guard count == 4 else { return nil }
        self.value = value
    }

    /// Network byte order.
    package var octets: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }

    /// Whether it is in 127.0.0.0/8.
    package var isLoopback: Bool { value >> 24 == 127 }

    package var description: String { octets.map { String($0) }.joined(separator: ".") }

    package static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.value < right.value }
}

/// A block of IPv4 addresses, or an address together with the length of its network's prefix.
package struct IPv4Subnet: Hashable, Sendable, CustomStringConvertible {
    /// The address as it was given: with host bits where it names an interface's address.
    package let address: IPv4Address
    /// How many leading bits name the network, 0 to 32.
    package let prefixLength: UInt8

    /// Pairs an address and a prefix length of at most 32.
    package init(_ address: IPv4Address, prefixLength: UInt8) {
        precondition(prefixLength <= 32, "an IPv4 prefix has at most 32 bits")
        self.address = address
        self.prefixLength = prefixLength
    }

    /// Parses `192.0.2.1/24`.
    package init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/"), let address = IPv4Address(text[..<slash]) else { return nil }
        let length = text[text.index(after: slash)...]
        guard (1...2).contains(length.utf8.count), length.first != "+", let bits = UInt8(length), bits <= 32 else { return nil }
        self.init(address, prefixLength: bits)
    }

    /// The bits that name the network.
    package var mask: UInt32 { prefixLength == 0 ? 0 : ~UInt32(0) << (32 - UInt32(prefixLength)) }
    /// Its lowest address: the network itself.
    package var first: IPv4Address { IPv4Address(address.value & mask) }
    /// Its highest address: the broadcast address.
    package var last: IPv4Address { IPv4Address(address.value | ~mask) }
    /// The same block without host bits.
    package var network: IPv4Subnet { IPv4Subnet(first, prefixLength: prefixLength) }

    /// Whether `candidate` is in the block.
    package func contains(_ candidate: IPv4Address) -> Bool { candidate.value & mask == first.value }

    /// Whether `other` lies in the block as a whole.
    package func contains(_ other: IPv4Subnet) -> Bool { other.prefixLength >= prefixLength && contains(other.first) }

    /// Whether the two blocks share an address.
    package func overlaps(_ other: IPv4Subnet) -> Bool { contains(other.first) || other.contains(first) }

    package var description: String { "\(address)/\(prefixLength)" }
}

/// An Ethernet address.
package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    /// Its six octets in the order of transmission.
    package let octets: [UInt8]

    /// The locally administered address that belongs to an IPv4 address: 02:42 and its four octets,
    /// so that an address that is used again needs no neighbour to forget anything.
    package init(for address: IPv4Address) { octets = [0x02, 0x42] + address.octets }

    /// Wraps six octets.
    package init?(octets: [UInt8]) {
        guard octets.count == 6 else { return nil }
        self.octets = octets
    }

    /// Parses six groups of two hexadecimal digits between colons or dashes.
    package init?(_ text: some StringProtocol) {
        let separator: Character = text.contains("-") ? "-" : ":"
        let groups = text.split(separator: separator, omittingEmptySubsequences: false)
        guard groups.count == 6 else { return nil }
        var octets: [UInt8] = []
        for group in groups {
            guard group.utf8.count == 2, group.first != "+", let octet = UInt8(group, radix: 16) else { return nil }
            octets.append(octet)
        }
        self.octets = octets
    }

    /// Whether it names a group of stations; no interface may have such an address.
    package var isMulticast: Bool { octets[0] & 1 == 1 }

    package var description: String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
