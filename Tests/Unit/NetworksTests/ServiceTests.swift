import EngineAPI
import Faults
import Glibc
import Linux
import Netlink
import Testing

@testable import Networks

@Suite("The network service on a real kernel", .serialized, .enabled(if: Laboratory.isPrivate, Laboratory.reason))
struct ServiceTests {
    @Test("a connected container has address, route, loopback and a way to the gateway, and leaves nothing behind")
    func connect() async throws {
        let lab = try await Laboratory()
        let before = try lab.inventory()
        let request = lab.request("web")
        let attachment = try await lab.service.connect(request)
        let path = try #require(attachment.namespacePath)
        #expect(attachment.ipv4 == "172.17.0.2" && attachment.gateway == "172.17.0.1")
        let addresses = lab.shell("ip -br address", in: path).output
        #expect(addresses.contains("172.17.0.2/16") && addresses.contains("127.0.0.1/8"), "\(addresses)")
        #expect(lab.shell("cat /sys/class/net/eth0/address; ip link show eth0", in: path).output.contains("02:42:ac:11:00:02"))
        #expect(lab.shell("ip route", in: path).output.hasPrefix("default via 172.17.0.1 dev eth0"))
        #expect(lab.shell("busybox ping -c 1 -W 1 172.17.0.1", in: path).status == 0)
        #expect(!lab.shell("ip -6 address show eth0", in: path).output.contains("fe80"))
        try await lab.service.disconnect(request.id)
        try await lab.service.disconnect(request.id)
        try await expectInventory(before, lab)
        try lab.clear()
    }

    @Test("addresses come from the range that was set, which must be in the subnet")
    func range() async throws {
        let lab = try await Laboratory { configuration in
            configuration.bridgeAddress = IPv4Subnet("10.9.0.1/16")
            configuration.containerRange = IPv4Subnet("10.9.5.0/24")
        }
        #expect(try await lab.service.connect(lab.request("web")).ipv4 == "10.9.5.0")
        await #expect(throws: Fault.self) {
            try await Laboratory(bridge: "cais1", folder: "\(lab.folder)/other") { configuration in
                configuration.bridgeAddress = IPv4Subnet("10.8.0.1/16")
                configuration.containerRange = IPv4Subnet("10.9.5.0/24")
            }
        }
        try lab.clear()
    }

    @Test("none has a loopback only, host has no namespace, and both are listed")
    func otherModes() async throws {
        let lab = try await Laboratory()
        let none = lab.request("lonely", mode: "none")
        let path = try #require(try await lab.service.connect(none).namespacePath)
        #expect(lab.shell("ip -br link", in: path).output.split(separator: "\n").count == 1)
        #expect(lab.shell("busybox ping -c 1 -W 1 127.0.0.1", in: path).status == 0)
        let host = lab.request("open", mode: "host")
        #expect(try await lab.service.connect(host).namespacePath == nil)
        #expect(try lab.service.inspect("host").containers[host.id.text]?.name == "open")
        #expect(try lab.service.inspect("none").containers[none.id.text]?.name == "lonely")
        try await lab.service.disconnect(none.id)
        try await lab.service.disconnect(host.id)
        try lab.clear()
    }

    @Test("another container's namespace can be joined while it runs")
    func joined() async throws {
        let lab = try await Laboratory()
        let first = lab.request("first")
        let path = try await lab.service.connect(first).namespacePath
        #expect(try await lab.service.connect(lab.request("second", mode: "container:\(first.id)")).namespacePath == path)
        try await lab.service.disconnect(first.id)
        let fault = await #expect(throws: Fault.self) { try await lab.service.connect(lab.request("third", mode: "container:first")) }
        #expect(fault?.reason == "cannot join network of a non running container: first")
        try lab.clear()
    }

    @Test("a published port answers the outside, the host on every address, a neighbour, and its own container")
    func published() async throws {
        let lab = try await Laboratory(cable: true)
        let web = try await lab.service.connect(lab.request("web", ports: ["80/tcp": [("", "8080")]]))
        let other = try #require(try await lab.service.connect(lab.request("other")).namespacePath)
        let path = try #require(web.namespacePath)
        try lab.serve("hello", port: 80, in: path)
        try await eventually { lab.fetch("172.17.0.2", 80) == "hello" }
        for (address, place) in [
            (Laboratory.host, lab.outside), ("127.0.0.1", nil), (Laboratory.host, nil), ("172.17.0.1", nil), ("172.17.0.1", other),
            (Laboratory.host, other), ("172.17.0.1", path), (Laboratory.host, path),
        ] as [(String, String?)] {
            #expect(try await eventually { lab.fetch(address, 8080, from: place) == "hello" }, "\(address) from \(place ?? "the host")")
        }
        #expect(lab.fetch("172.17.0.2", 80, from: other) == "hello", "containers of one bridge reach each other")
        try lab.clear()
    }

    @Test("what is not published is out of reach from outside, and so is the host's loopback from containers")
    func isolated() async throws {
        let lab = try await Laboratory(cable: true)
        let web = try await lab.service.connect(lab.request("web", ports: ["80/tcp": [("127.0.0.1", "8080")]]))
        let path = try #require(web.namespacePath)
        try lab.serve("hello", port: 80, in: path)
        try await eventually { lab.fetch("127.0.0.1", 8080) == "hello" }
        #expect(lab.fetch(Laboratory.host, 8080, from: lab.outside) == nil, "published on loopback only")
        #expect(lab.fetch("172.17.0.2", 80, from: lab.outside) == nil, "routed directly")
        #expect(lab.shell("busybox ping -c 1 -W 1 172.17.0.2", in: lab.outside).status != 0)
        #expect(lab.shell("busybox ping -c 1 -W 1 \(Laboratory.outsider)", in: path).status == 0, "the way out is open")
        // A container that routes 127/8 to the host, as CVE-2020-8558 did.
        _ = lab.shell("ip address del 127.0.0.1/8 dev lo; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route add 127.0.0.0/8 via 172.17.0.1 dev eth0 src 172.17.0.2", in: path)
        try lab.serve("secret", port: 7777)
        try await eventually { lab.fetch("127.0.0.1", 7777) == "secret" }
        #expect(lab.fetch("127.0.0.1", 7777, from: path) == nil)
        try lab.clear()
    }

    @Test("a container cannot speak with its neighbour's or the gateway's address")
    func spoofing() async throws {
        let lab = try await Laboratory()
        let first = try #require(try await lab.service.connect(lab.request("first")).namespacePath)
        _ = try await lab.service.connect(lab.request("second"))
        #expect(lab.shell("busybox ping -c 1 -W 1 172.17.0.1", in: first).status == 0)
        _ = lab.shell("ip address add 172.17.0.9/16 dev eth0", in: first)
        #expect(lab.shell("busybox ping -c 1 -W 1 -I 172.17.0.9 172.17.0.1", in: first).status != 0)
        _ = lab.shell("ip link set eth0 address 02:42:ac:11:00:03", in: first)
        #expect(lab.shell("busybox ping -c 1 -W 1 172.17.0.1", in: first).status != 0)
        try lab.clear()
    }

    @Test("a port in use fails the whole connection and leaves nothing")
    func portTaken() async throws {
        let lab = try await Laboratory()
        let first = lab.request("first", ports: ["80/tcp": [("", "8080")]])
        _ = try await lab.service.connect(first)
        let before = try lab.inventory()
        let second = lab.request("second", ports: ["81/tcp": [("", "8081")], "80/tcp": [("", "8080")]])
        let fault = await #expect(throws: Fault.self) { try await lab.service.connect(second) }
        #expect(fault?.description.hasPrefix("failed to set up container networking: driver failed programming external connectivity on endpoint second (") == true)
        #expect(fault?.description.hasSuffix("): Bind for 0.0.0.0:8080 failed: port is already allocated") == true)
        try await expectInventory(before, lab)
        try await lab.service.disconnect(first.id)
        _ = try await lab.service.connect(second)
        try lab.clear()
    }

    @Test("a failure half way undoes what was done")
    func undone() async throws {
        let lab = try await Laboratory()
        let request = lab.request("web", ports: ["80/tcp": [("", "8080")]])
        // Something that is no bridge has the bridge's name: the namespace exists when that is seen.
        _ = lab.shell("ip link delete cais0; ip link add cais0 type veth peer name vethx")
        let before = try lab.inventory()
        let fault = await #expect(throws: Fault.self) { try await lab.service.connect(request) }
        #expect(fault?.reason == "interface cais0 exists and is no bridge")
        try await expectInventory(before, lab)
        #expect(lab.service.settings(of: request.id) == nil)
        _ = lab.shell("ip link delete cais0")
        _ = try await lab.service.connect(request)
        try lab.clear()
    }

    @Test("rules that somebody flushed, whole or in part, come back by themselves", arguments: ["flush ruleset", "flush table ip cais-cais0", "delete table bridge cais-cais0"])
    func flushed(command: String) async throws {
        let lab = try await Laboratory()
        let first = try await lab.service.connect(lab.request("first", ports: ["80/tcp": [("", "8080")]]))
        let before = try lab.inventory()
        #expect(lab.shell("nft \(command)").status == 0)
        #expect(try lab.inventory() != before)
        try await expectInventory(before, lab)
        try lab.serve("hello", port: 80, in: first.namespacePath)
        #expect(try await eventually { lab.fetch("127.0.0.1", 8080) == "hello" })
        try lab.clear()
    }

    @Test("with the next container flushed rules are back at once, and so is a removed bridge")
    func flushedBefore() async throws {
        let lab = try await Laboratory()
        _ = lab.shell("nft flush ruleset; ip link delete cais0")
        let next = try await lab.service.connect(lab.request("next", ports: ["80/tcp": [("", "8080")]]))
        #expect(lab.shell("nft list ruleset").output.contains("tcp . 8080 : 172.17.0.2 . 80"))
        #expect(lab.shell("busybox ping -c 1 -W 1 172.17.0.1", in: next.namespacePath).status == 0)
        try lab.clear()
    }

    @Test("a peer that never stops sending reaches the container that comes and the one that follows")
    func datagrams() async throws {
        let lab = try await Laboratory(cable: true)
        let wish = lab.request("dns", ports: ["53/udp": [("", "5353")]])
        let (path, receiver) = ("\(lab.folder)/sender", "\(lab.folder)/receiver")
        // One socket that sends ten times a second, before anybody listens and ever after.
        try Files.replace(path, with: Array(Self.sender.utf8))
        try Files.replace(receiver, with: Array(Self.receiver.utf8))
        let sender = lab.shell("python3 \(path) \(Laboratory.host) 5353 </dev/null >/dev/null 2>&1 & echo $!", in: lab.outside)
        try lab.keep(sender.output)
        try await Task.sleep(for: .milliseconds(300))
        for round in 0..<2 {
            let attachment = try await lab.service.connect(wish)
            #expect(lab.shell("python3 \(receiver)", in: attachment.namespacePath).output == "hello\n", "round \(round)")
            try await lab.service.disconnect(wish.id)
        }
        try lab.clear()
    }

    private static let sender = """
        import socket, sys, time
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            try: s.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
            except OSError: pass
            time.sleep(0.1)

        """

    private static let receiver = """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", 53))
        s.settimeout(4)
        print(s.recv(100).decode())

        """

    @Test("dockerd's drop policy does not cut our containers off, even when it comes later")
    func besideDocker() async throws {
        let lab = try await Laboratory(cable: true)
        let web = try await lab.service.connect(lab.request("web", ports: ["80/tcp": [("", "8080")]]))
        try lab.serve("hello", port: 80, in: web.namespacePath)
        try await eventually { lab.fetch(Laboratory.host, 8080, from: lab.outside) == "hello" }
        _ = lab.shell(
            "nft \"add table ip filter; add chain ip filter DOCKER-USER; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }; add rule ip filter FORWARD jump DOCKER-USER\"")
        #expect(try await eventually { lab.fetch(Laboratory.host, 8080, from: lab.outside) == "hello" })
        #expect(lab.fetch("172.17.0.2", 80, from: lab.outside) == nil, "our own wall stands")
        try lab.clear()
    }

    @Test("a service that comes back finds its containers, keeps their ports, and removes what no longer runs")
    func recovered() async throws {
        let lab = try await Laboratory()
        let kept = lab.request("kept", ports: ["80/tcp": [("", "8080")]])
        let attachment = try await lab.service.connect(kept)
        let before = try lab.inventory()
        let gone = lab.request("gone", ports: ["80/tcp": [("", "8081")]])
        _ = try await lab.service.connect(gone)
        // The first service's sockets stay, as another program's would: the second warns and goes on.
        let second = try await Laboratory(folder: lab.folder, store: lab.store)
        await second.service.reconcile(running: [kept.id])
        try await expectInventory(before, second)
        #expect(second.service.settings(of: kept.id) == attachment.settings)
        #expect(second.service.settings(of: gone.id) == nil)
        #expect(try await second.service.connect(second.request("new")).ipv4 == "172.17.0.4", "addresses are not used again at once")
        try second.clear()
    }

    @Test("a bridge that vanished takes its running containers back when the service does")
    func bridgeGone() async throws {
        let lab = try await Laboratory()
        let web = lab.request("web", ports: ["80/tcp": [("", "8080")]])
        try lab.serve("hello", port: 80, in: try await lab.service.connect(web).namespacePath)
        try await eventually { lab.fetch("127.0.0.1", 8080) == "hello" }
        _ = lab.shell("ip link delete cais0")
        #expect(lab.fetch("127.0.0.1", 8080) == nil)
        let second = try await Laboratory(folder: lab.folder, store: lab.store)
        await second.service.reconcile(running: [web.id])
        #expect(try await eventually { lab.fetch("127.0.0.1", 8080) == "hello" })
        try lab.clear()
    }

    @Test("two engines side by side do not touch each other")
    func sideBySide() async throws {
        let one = try await Laboratory(bridge: "cais0")
        let two = try await Laboratory(bridge: "cais1")
        let first = one.request("first", ports: ["80/tcp": [("", "8080")]])
        let second = two.request("second", ports: ["80/tcp": [("", "8081")]])
        let left = try await one.service.connect(first)
        let right = try await two.service.connect(second)
        #expect(left.ipv4 == "172.17.0.2" && right.ipv4 == "172.18.0.2")
        try await one.service.disconnect(first.id)
        await one.service.reconcile(running: [])
        try two.serve("hello", port: 80, in: right.namespacePath)
        #expect(try await eventually { two.fetch("127.0.0.1", 8081) == "hello" })
        try one.clear()
        try two.clear()
    }

    @Test("a hundred containers at once, and not one thing more afterwards")
    func hundred() async throws {
        let lab = try await Laboratory()
        let before = try lab.inventory()
        let requests = (0..<100).map { lab.request("c\($0)", ports: ["80/tcp": [("", "")]]) }
        let service = lab.service
        let addresses = try await withThrowingTaskGroup(of: String?.self) { group in
            for request in requests { group.addTask { try await service.connect(request).ipv4 } }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(addresses.count == 100)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for request in requests { group.addTask { try await service.disconnect(request.id) } }
            try await group.waitForAll()
        }
        try await expectInventory(before, lab)
        try lab.clear()
    }

    @Test("how long connecting and disconnecting take", .enabled(if: getenv("CAIS_MEASURE") != nil, "a measurement, on request: CAIS_MEASURE=1"))
    func latency() async throws {
        let lab = try await Laboratory()
        let clock = ContinuousClock()
        var connects: [Duration] = []
        var disconnects: [Duration] = []
        for number in 0..<60 {
            let request = lab.request("c\(number)", ports: ["80/tcp": [("", "")]])
            connects.append(try await clock.measure { _ = try await lab.service.connect(request) })
            disconnects.append(try await clock.measure { try await lab.service.disconnect(request.id) })
        }
        for (name, times) in [("connect", connects.sorted()), ("disconnect", disconnects.sorted())] {
            print("\(name): min \(times[0]), median \(times[30]), 90 % \(times[54]), max \(times[59])")
        }
        try lab.clear()
    }

    /// Interfaces are deleted behind the caller's back, so they may stay for a moment.
    private func expectInventory(_ before: [String], _ lab: Laboratory) async throws {
        let same = try await eventually { try lab.inventory() == before }
        #expect(try same || lab.inventory() == before)
    }

    @discardableResult
    private func eventually(_ holds: () throws -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(8)
        while ContinuousClock.now < deadline {
            if try holds() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
