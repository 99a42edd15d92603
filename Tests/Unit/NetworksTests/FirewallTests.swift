import Netlink
import Testing

@testable import Networks

@Suite("The packet filter of a bridge")
struct FirewallTests {
    let firewall = BridgeFirewall(bridge: "cais0", subnet: IPv4Subnet("172.17.0.1/16")!, masquerades: true, interContainer: true)
    let entry = BridgeFirewall.Entry(
        port: "veth1", address: IPv4Address("172.17.0.2")!, mac: MACAddress("02:42:ac:11:00:02")!,
        mappings: [
            PortMapping(hostAddress: .any, hostPort: 8080, container: ContainerPort(80, .tcp)),
            PortMapping(hostAddress: IPv4Address("127.0.0.1")!, hostPort: 5353, container: ContainerPort(53, .udp)),
        ])

    @Test("a container costs elements of maps and sets, and no rule")
    func add() {
        #expect(
            firewall.add(entry).commands == [
                "add element ip cais-cais0 ports_everywhere { tcp . 8080 : 172.17.0.2 . 80 }",
                "add element ip cais-cais0 ports_at_address { 127.0.0.1 . udp . 5353 : 172.17.0.2 . 53 }",
                "add element bridge cais-cais0 members { \"veth1\" }",
                "add element bridge cais-cais0 stations { \"veth1\" . 02:42:ac:11:00:02 . 172.17.0.2 }",
            ])
    }

    @Test("what is removed is what was added")
    func remove() {
        #expect(firewall.remove(entry).commands == firewall.add(entry).commands.map { "delete" + $0.dropFirst(3) })
    }

    @Test("the tables are made anew in one transaction, with the containers in them")
    func rebuild() {
        let commands = firewall.rebuild([entry]).commands
        #expect(commands.prefix(3) == ["add table ip cais-cais0", "delete table ip cais-cais0", "add table ip cais-cais0"])
        #expect(commands.suffix(4) == firewall.add(entry).commands[...])
        #expect(commands.filter { $0.hasPrefix("add rule") }.count == firewall.rebuild([]).commands.filter { $0.hasPrefix("add rule") }.count)
    }

    @Test("a refresh deletes no chain, clears what it fills, and ends with the same rules as making anew")
    func refresh() {
        let refreshed = firewall.refresh([entry]).commands
        #expect(!refreshed.contains { $0.hasPrefix("delete") })
        let filled = Set(refreshed.filter { $0.hasPrefix("add map") || $0.hasPrefix("add set") }.map { $0.split(separator: " ")[2...4].joined(separator: " ") })
        let flushed = Set(refreshed.filter { $0.hasPrefix("flush map") || $0.hasPrefix("flush set") }.map { $0.split(separator: " ")[2...4].joined(separator: " ") })
        #expect(filled == flushed && filled.count == 4)
        let made = { (commands: [String]) in commands.filter { $0.hasPrefix("add") && !$0.hasPrefix("add table") } }
        #expect(made(refreshed) == made(firewall.rebuild([entry]).commands))
    }

    @Test("no rule has a set without a name: a packet may find one empty while it is replaced")
    func anonymousSets() {
        for isolated in [true, false] {
            let firewall = BridgeFirewall(bridge: "cais0", subnet: firewall.subnet, masquerades: true, interContainer: !isolated)
            let rules = firewall.refresh([entry]).commands.filter { $0.hasPrefix("add rule") }
            #expect(!rules.isEmpty && !rules.contains { $0.contains("{") })
        }
    }

    @Test("what was translated is masqueraded for containers and for the host's loopback")
    func masquerade() {
        let rules = firewall.refresh([]).commands.filter { $0.hasPrefix("add rule ip cais-cais0 leaving oifname \"cais0\"") }
        #expect(rules.map { $0.split(separator: " ")[9] } == ["127.0.0.0/8", "172.17.0.0/16"])
        #expect(rules.allSatisfy { $0.hasSuffix("ct status dnat masquerade") })
    }

    @Test("two engines have different tables")
    func names() {
        let other = BridgeFirewall(bridge: "cais1", subnet: firewall.subnet, masquerades: true, interContainer: true)
        #expect(Set([other.routed, other.bridged]).isDisjoint(with: [firewall.routed, firewall.bridged]))
    }

    @Test("containers reach the host's loopback by no rule, and each other only where allowed")
    func guards() {
        #expect(firewall.rebuild([]).text.contains("iifname \"cais0\" ip daddr 127.0.0.0/8 drop"))
        let closed = BridgeFirewall(bridge: "cais0", subnet: firewall.subnet, masquerades: false, interContainer: false).rebuild([]).text
        #expect(closed.contains("oifname @members") && !firewall.rebuild([]).text.contains("oifname @members"))
        #expect(!closed.contains("oifname != \"cais0\" ip saddr 172.17.0.0/16 masquerade"))
    }

    static let docker = """
        table ip filter {
        \tchain FORWARD {
        \t\ttype filter hook forward priority filter; policy drop;
        \t\tcounter packets 0 bytes 0 jump DOCKER-USER
        \t}

        \tchain DOCKER-USER {
        \t\tRULES
        \t}
        }
        """

    @Test("dockerd's chain for others lets our bridge through, once")
    func passage() {
        let empty = Self.docker.split(separator: "RULES").joined()
        #expect(
            DockerPassage.script(listing: empty, bridge: "cais0").commands == [
                "insert rule ip filter DOCKER-USER oifname \"cais0\" counter accept",
                "insert rule ip filter DOCKER-USER iifname \"cais0\" counter accept",
            ])
        let rules = "iifname \"cais0\" counter packets 1 bytes 2 accept\n\t\toifname \"cais0\" counter packets 0 bytes 0 accept"
        let full = Self.docker.split(separator: "RULES").joined(separator: rules)
        #expect(DockerPassage.script(listing: full, bridge: "cais0").isEmpty)
        #expect(DockerPassage.script(listing: full, bridge: "cais1").commands.count == 2)
    }

    @Test("a drop policy of the administrator's stays in force")
    func administrator() {
        #expect(DockerPassage.script(listing: "table ip filter {\n\tchain FORWARD {\n\t\tpolicy drop;\n\t}\n}", bridge: "cais0").isEmpty)
    }
}
