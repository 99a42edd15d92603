import CLinux
import EngineAPI
import EngineEvents
import EngineStore
import Faults
import Glibc
import Linux
import Logging
import Netlink
import Testing

@testable import Networks

/// A service at work in the network namespace that the tests were started in, a second machine
/// "outside" that is connected by a cable, and programs in both.
struct Laboratory {
    /// True in a namespace of our own: root, not where process 1 is, and nothing but a loopback when
    /// the tests began. They flush the packet filter, so nobody else's namespace will do.
    static let isPrivate: Bool = {
        guard getuid() == 0, let own = try? identity("/proc/self/ns/net"), own != (try? identity("/proc/1/ns/net")), var netlink = try? NetlinkSocket(), let links = try? netlink.links() else { return false }
        return links.map(\.name) == ["lo"]
    }()
    static let reason: Comment = "needs root in a network and mount namespace of its own: unshare -n -m --propagation slave"

    private static func identity(_ path: String) throws -> [UInt64] {
        let status = try Files.open(path, flags: O_RDONLY).status()
        return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }

    let folder: String
    let events = EventBus()
    let store: EngineStore
    let service: NetworkService
    let configuration: NetworkConfiguration
    static let host = "198.51.100.1"
    static let outsider = "198.51.100.2"
    private let servers = Servers()
    var outside: String { "\(folder)/outside" }

    /// Starts a service on a bridge; with `cable` the outside too.
    init(bridge: String = "cais0", cable: Bool = false, folder: String? = nil, store: EngineStore? = nil, change: (inout NetworkConfiguration) -> Void = { _ in }) async throws {
        self.folder = folder ?? "/tmp/networks-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Files.makeDirectories(self.folder, mode: 0o700)
        var configuration = NetworkConfiguration(execRoot: "\(self.folder)/run")
        configuration.bridge = bridge
        change(&configuration)
        self.configuration = configuration
        // One store for a service and the one that follows it: a file of records has one engine.
        self.store = if let store { store } else { try EngineStore(path: "\(self.folder)/cais.db") }
        service = try NetworkService(
            configuration: configuration, store: self.store, events: events, log: Logger(label: "test"))
        var netlink = try NetlinkSocket()
        try netlink.request("lo", LinkRequest.change(index: 1, LinkChange(up: true)))
        if cable { try Laboratory.plug(at: "\(self.folder)/outside") }
        try await service.prepare()
    }

    /// Removes all that a service and a test leave.
    func clear() throws {
        servers.stop()
        var netlink = try NetlinkSocket()
        try netlink.deleteLink(named: configuration.bridge)
        for link in try netlink.links() where link.name.hasPrefix("veth") || link.name == "cable" { try netlink.deleteLink(named: link.name) }
        if Files.exists(outside) { try NetworkNamespace.remove(at: outside) }
        _ = shell("umount \(folder)/run/netns/* 2>/dev/null; rm -rf \(folder); nft flush ruleset")
    }

    private static func plug(at path: String) throws {
        var handle = try NetworkNamespace.create(at: path)
        var netlink = try NetlinkSocket()
        try netlink.request(
            "cable",
            LinkRequest.createVeth(
                LinkChange(name: "cable", up: true), peer: LinkChange(name: "eth0", namespace: handle.descriptor.rawValue)))
        let near = try #require(try netlink.link(named: "cable"))
        let far = try #require(try handle.inside.link(named: "eth0"))
        try handle.inside.request("up", LinkRequest.change(index: far.index, LinkChange(up: true)))
        try netlink.request("address", RouteRequest.addAddress(IPv4Subnet("\(host)/24")!, index: near.index))
        try handle.inside.request("address", RouteRequest.addAddress(IPv4Subnet("\(outsider)/24")!, index: far.index))
        try handle.inside.request("route", RouteRequest.addRoute(via: IPv4Address(host)!, index: far.index))
    }

    /// A request of a new container.
    func request(_ name: String, mode: String = "bridge", ports: [String: [(String, String)]] = [:]) -> EndpointRequest {
        var request = EndpointRequest(id: ContainerID.random(), name: name, hostname: name, mode: mode)
        request.portBindings = ports.mapValues { $0.map { PortBinding(hostIP: $0.0, hostPort: $0.1) } }
        return request
    }

    /// What a shell says in the namespace bound to `path`, or in ours.
    func shell(_ command: String, in path: String? = nil) -> (status: Int32, output: String) {
        let enter = path.map { "nsenter --net=\($0) " } ?? ""
        guard let stream = popen("exec \(enter)sh -c '\(command)' 2>&1", "r") else { return (-1, "no shell") }
        var output: [UInt8] = []
        while case let byte = getc(stream), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
        return (pclose(stream) >> 8, String(decoding: output, as: UTF8.self))
    }

    /// Starts a server in the namespace bound to `path`, or in ours, that answers each connection with one line.
    func serve(_ line: String, port: Int, in path: String? = nil) throws {
        let started = shell("busybox nc -ll -p \(port) -e echo \(line) </dev/null >/dev/null 2>&1 & echo $!", in: path)
        try keep(started.output)
    }

    /// Has the process whose number a shell printed ended with the test.
    func keep(_ output: String) throws {
        servers.add(try #require(pid_t(output.prefix { $0 != "\n" }), "\(output)"))
    }

    /// Fetches the one line from a port; nil where there is no answer.
    func fetch(_ address: String, _ port: Int, from path: String? = nil) -> String? {
        let (_, output) = shell("busybox nc -w 1 \(address) \(port) </dev/null", in: path)
        return output.isEmpty || output.contains("nc:") ? nil : String(output.prefix { $0 != "\n" })
    }

    /// Interfaces, namespaces and elements that are there now, for comparing before and after.
    func inventory() throws -> [String] {
        var netlink = try NetlinkSocket()
        let links = try netlink.links().map(\.name)
        let namespaces = try Files.names(in: configuration.namespaceFolder)
        return (links + namespaces).sorted() + [shell("nft list ruleset").output]
    }
}

/// Programs to be ended. Safe because the suite that uses it runs one test at a time.
private final class Servers: @unchecked Sendable {
    private var processes: [pid_t] = []
    func add(_ process: pid_t) { processes.append(process) }
    func stop() {
        for process in processes { kill(process, SIGKILL) }
        processes = []
    }
}
