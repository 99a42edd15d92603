import Nftables

/// The way through another engine's rules. dockerd (through Debian's iptables-nft) sets the policy
/// of the host's FORWARD chain to drop, which would cut off the containers of every bridge it does
/// not know. It also keeps a chain for rules that are not its own, DOCKER-USER; there, and only
/// there, ours are let through. What may reach our containers is judged by our own tables all the
/// same. A drop policy without that chain is the administrator's decision and stays in force.
enum DockerPassage {
    /// The table of iptables-nft.
    static let table = NftTable(family: "ip", name: "filter")
    static let chain = "DOCKER-USER"

    /// The rules that are missing in `listing`, the text of the table as the kernel has it.
    static func script(listing: String, bridge: String) -> NftScript {
        var script = NftScript()
        let lines = listing.split(separator: "\n").map { $0.drop { $0 == "\t" || $0 == " " } }
        guard let start = lines.firstIndex(where: { $0.hasPrefix("chain \(chain) {") }) else { return script }
        let rules = lines[start...].prefix { !$0.hasPrefix("}") }
        for direction in ["oifname", "iifname"] where !rules.contains(where: { $0.hasPrefix("\(direction) \"\(bridge)\" counter") && $0.contains(" accept") }) {
            script.insertRule(table, chain, "\(direction) \"\(bridge)\" counter accept")
        }
        return script
    }
}
