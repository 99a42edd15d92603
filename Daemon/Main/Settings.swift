// Settings owns the one table that command line and file share: dockerd's names, how a value is
// read, where it goes. A setting that does nothing is not in it.
import EngineAPI
import Faults
import Flags
import Logging
import Netlink

/// One setting: its key in daemon.json, its flag, and what its values do.
struct Setting: Sendable {
    /// Reads the values (one, unless the flag is a list) into the configuration.
    typealias Apply = @Sendable (inout DaemonConfiguration, [String]) throws(Fault) -> Void

    let key: String
    let flag: Flag
    let apply: Apply

    init(_ key: String, _ flag: Flag, _ apply: @escaping Apply) {
        self.key = key
        self.flag = flag
        self.apply = apply
    }
}

enum Settings {
    /// All of them, in the order of help.
    static let all = daemon + containers + networks

    private static let daemon: [Setting] = group("Daemon", [
        Setting("hosts", .list("host", short: "H", "Where to listen: unix:///PATH or, with --tlsverify=false, tcp://127.0.0.1:PORT")) { $0.hosts = $1 },
        Setting("group", .string("group", short: "G", "Group that may use the unix sockets (default \"cais\" where it exists)")) { $0.group = $1[0] },
        Setting("tlsverify", .bool("tlsverify", default: true, "Verify clients; =false allows plain TCP on loopback addresses")) {
            (configuration, values) throws(Fault) in configuration.plainTCPAllowed = try !bool(values)
        },
        Setting("data-root", .string("data-root", value: "path", default: "/var/lib/cais", "Where images, containers and records are kept")) {
            (configuration, values) throws(Fault) in configuration.dataRoot = try path(values)
        },
        Setting("exec-root", .string("exec-root", value: "path", default: DaemonConfiguration.execRootDefault, "Where the state of what runs is kept")) {
            (configuration, values) throws(Fault) in configuration.execRoot = try path(values)
        },
        Setting("pidfile", .string("pidfile", short: "p", value: "path", default: "/run/caisd.pid", "File for the daemon's process ID")) {
            (configuration, values) throws(Fault) in configuration.pidFile = try path(values)
        },
        Setting("debug", .bool("debug", short: "D", "Log at level debug")) { (configuration, values) throws(Fault) in configuration.debug = try bool(values) },
        Setting("log-level", .string("log-level", short: "l", default: "info", "Log level: debug, info, warn, error or fatal")) {
            (configuration, values) throws(Fault) in configuration.logLevel = try level(values[0])
        },
        Setting("labels", .list("label", "Label of the engine, KEY=VALUE")) { (configuration, values) throws(Fault) in
            configuration.labels = try pairs(values).map { "\($0)=\($1)" }.sorted()
        },
        Setting("live-restore", .bool("live-restore", default: true, "Containers run on when the daemon ends; it cannot be turned off")) {
            (_, values) throws(Fault) in
            guard try bool(values) else { throw Fault(.unsupported, "containers always outlive the engine") }
        },
    ])

    private static let containers: [Setting] = group("Containers", [
        Setting("runtimes", .list("add-runtime", value: "name=path", "Add an OCI runtime")) { (configuration, values) throws(Fault) in
            configuration.runtimes = try pairs(values)
        },
        Setting("default-runtime", .string("default-runtime", default: DaemonConfiguration.builtInRuntime, "Runtime of containers that name none")) {
            $0.defaultRuntime = $1[0]
        },
        Setting("cgroup-parent", .string("cgroup-parent", default: "/cais", "Cgroup above the containers' cgroups")) {
            (configuration, values) throws(Fault) in configuration.cgroupParent = try path(values)
        },
        Setting("log-driver", .string("log-driver", default: "json-file", "Log driver of containers: json-file or none")) { $0.logDriver = $1[0] },
        Setting("log-opts", .list("log-opt", "Option of the log driver, KEY=VALUE")) { (configuration, values) throws(Fault) in
            configuration.logOptions = try pairs(values)
        },
        Setting("default-shm-size", .string("default-shm-size", value: "bytes", default: "64M", "Size of /dev/shm of containers")) {
            (configuration, values) throws(Fault) in configuration.shmBytes = try ByteSize.parse(values[0])
        },
        Setting("dns", .list("dns", "Name server of containers")) { (configuration, values) throws(Fault) in
            for value in values where IPv4Address(value) == nil && !value.contains(":") { throw Fault(.invalidArgument, "\(value) is not an ip address") }
            configuration.dns = values
        },
        Setting("dns-opts", .list("dns-option", aliases: ["dns-opt"], "Resolver option of containers")) { $0.dnsOptions = $1 },
        Setting("dns-search", .list("dns-search", "Search domain of containers")) { $0.dnsSearch = $1 },
    ])

    private static let networks: [Setting] = group("Networks", [
        Setting("bridge", .string("bridge", short: "b", default: "cais0", "Interface of the default bridge; none for no bridge")) { $0.bridge = $1[0] },
        Setting("bip", .string("bip", value: "cidr", "Address of the bridge with its subnet's prefix length")) {
            (configuration, values) throws(Fault) in configuration.bridgeAddress = try subnet(values[0])
        },
        Setting("fixed-cidr", .string("fixed-cidr", value: "cidr", "Part of the subnet that containers get addresses from")) {
            (configuration, values) throws(Fault) in configuration.containerRange = try subnet(values[0])
        },
        Setting("default-address-pools", .list("default-address-pool", value: "base=CIDR,size=LENGTH", "Where a subnet is taken from")) {
            (configuration, values) throws(Fault) in
            for value in values { configuration.addressPools += try AddressPools.subnets(value) }
        },
        Setting("ip", .string("ip", value: "address", default: "0.0.0.0", "Host address of published ports that name none")) {
            (configuration, values) throws(Fault) in
            guard let address = IPv4Address(values[0]) else { throw Fault(.invalidArgument, "\(values[0]) is not an IPv4 address") }
            configuration.publishAddress = address
        },
        Setting("mtu", .uint("mtu", bits: 32, default: 1500, "Largest packet on the bridge")) { (configuration, values) throws(Fault) in
            guard let mtu = UInt32(values[0]), (68...65535).contains(mtu) else { throw Fault(.invalidArgument, "\(values[0]) is no packet size") }
            configuration.mtu = mtu
        },
        Setting("ip-forward", .bool("ip-forward", default: true, "Make the host forward packets")) { (configuration, values) throws(Fault) in
            configuration.forwards = try bool(values)
        },
        Setting("ip-masq", .bool("ip-masq", default: true, "Give what leaves the host the host's address")) { (configuration, values) throws(Fault) in
            configuration.masquerades = try bool(values)
        },
        Setting("icc", .bool("icc", default: true, "Let containers reach each other's unpublished ports")) { (configuration, values) throws(Fault) in
            configuration.interContainer = try bool(values)
        },
    ])

    // MARK: - Values

    private static func group(_ title: String, _ settings: [Setting]) -> [Setting] {
        settings.map { Setting($0.key, $0.flag.grouped(title), $0.apply) }
    }

    private static func bool(_ values: [String]) throws(Fault) -> Bool {
        switch values.last {
        case "true": return true
        case "false": return false
        default: throw Fault(.invalidArgument, "expected true or false, not \(values)")
        }
    }

    private static func path(_ values: [String]) throws(Fault) -> String {
        guard let path = values.last, path.hasPrefix("/"), path.utf8.count > 1 else {
            throw Fault(.invalidArgument, "expected an absolute path, not \"\(values.last ?? "")\"")
        }
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    private static func subnet(_ text: String) throws(Fault) -> IPv4Subnet {
        guard let subnet = IPv4Subnet(text) else { throw Fault(.invalidArgument, "invalid CIDR address: \(text)") }
        return subnet
    }

    private static func pairs(_ values: [String]) throws(Fault) -> [String: String] {
        var found: [String: String] = [:]
        for value in values {
            guard let equals = value.firstIndex(of: "="), equals > value.startIndex else {
                throw Fault(.invalidArgument, "expected NAME=VALUE, not \"\(value)\"")
            }
            found[String(value[..<equals])] = String(value[value.index(after: equals)...])
        }
        return found
    }

    /// A level in dockerd's words.
    static func level(_ text: String) throws(Fault) -> Logger.Level {
        switch text {
        case "trace": .trace
        case "debug": .debug
        case "info": .info
        case "warn", "warning": .warning
        case "error": .error
        case "fatal", "panic": .critical
        default: throw Fault(.invalidArgument, "invalid logging level: \(text)")
        }
    }
}

/// The division of a pool into subnets.
enum AddressPools {
    /// Subnets of one pool at most: an engine needs one for its bridge.
    static let subnetCountMax = 256

    /// Reads `base=10.0.0.0/8,size=24`.
    /// - Throws: `invalidArgument` where it is malformed.
    static func subnets(_ text: String) throws(Fault) -> [IPv4Subnet] {
        var fields: [Substring: Substring] = [:]
        for part in text.split(separator: ",") {
            let name = part.prefix { $0 != "=" }
            fields[name] = part.dropFirst(name.count + 1)
        }
        guard fields.count == 2, let base = fields["base"].flatMap({ IPv4Subnet($0) }), let size = fields["size"].flatMap({ Int($0) }) else {
            throw Fault(.invalidArgument, "invalid address pool \"\(text)\": expected base=CIDR,size=LENGTH")
        }
        guard size >= Int(base.prefixLength), size <= 30 else {
            throw Fault(.invalidArgument, "invalid address pool \"\(text)\": the size does not fit the base")
        }
        let count = min(subnetCountMax, 1 << (size - Int(base.prefixLength)))
        return (0..<count).map { index in
            IPv4Subnet(IPv4Address(base.first.value + UInt32(index) << (32 - UInt32(size))), prefixLength: UInt8(size))
        }
    }
}
