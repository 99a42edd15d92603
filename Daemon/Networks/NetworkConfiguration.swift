import Netlink

/// What an administrator decides about networks; the names in parentheses are dockerd's.
package struct NetworkConfiguration: Hashable, Sendable {
    /// Where runtime state lives: namespaces are bound to files in its folder `netns`.
    package var execRoot: String
    /// The default bridge's interface (`bridge`); `none` turns the default bridge off. Two engines
    /// on one machine take two names: tables and interfaces are found by it.
    package var bridge = "cais0"
    /// The bridge's address with its subnet (`bip`); nil takes the first free of ``addressPools``.
    package var bridgeAddress: IPv4Subnet?
    /// The part of the subnet that containers get addresses from (`fixed-cidr`).
    package var containerRange: IPv4Subnet?
    /// Where a subnet is taken from (`default-address-pools`, already divided).
    package var addressPools: [IPv4Subnet] = AddressAllocator.standard
    /// The largest packet in bytes (`mtu`).
    package var mtu: UInt32 = 1500
    /// The host address of published ports that name none (`ip`).
    package var publishAddress: IPv4Address = .any
    /// Whether the host is made to forward packets (`ip-forward`).
    package var forwards = true
    /// Whether what leaves the host gets the host's address (`ip-masq`).
    package var masquerades = true
    /// Whether containers reach each other without published ports (`icc`).
    package var interContainer = true

    /// The defaults, for an engine whose runtime state is below `execRoot`.
    package init(execRoot: String) { self.execRoot = execRoot }

    /// Where namespaces are bound.
    package var namespaceFolder: String { "\(execRoot)/netns" }
}
