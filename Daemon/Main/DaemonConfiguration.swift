// DaemonConfiguration owns what an administrator has decided, as one value with its defaults. How it
// is said on a command line or in a file is Settings.swift's.
import EngineAPI
import Faults
import Logging
import Netlink

/// The daemon's configuration.
struct DaemonConfiguration: Sendable {
    /// Where to listen, as given; empty is the defaults.
    var hosts: [String] = []
    /// The group that may use the unix sockets; nil is `cais` where that group exists.
    var group: String?
    /// Whether plain TCP is allowed, on loopback.
    var plainTCPAllowed = false
    /// What lasts.
    var dataRoot = "/var/lib/cais"
    /// What lasts until the next boot.
    var execRoot = DaemonConfiguration.execRootDefault
    /// The file with the daemon's process ID.
    var pidFile = "/run/caisd.pid"
    /// The log's level.
    var logLevel = Logger.Level.info
    /// Whether the level is debug, whatever ``logLevel`` says.
    var debug = false
    /// Labels of the engine.
    var labels: [String] = []
    /// OCI runtimes by name, beside the built-in one.
    var runtimes: [String: String] = [:]
    /// The runtime of containers that name none.
    var defaultRuntime = DaemonConfiguration.builtInRuntime
    /// The cgroup above containers' cgroups.
    var cgroupParent = "/cais"
    /// The log driver of containers that name none.
    var logDriver = "json-file"
    /// Options of the log driver.
    var logOptions: [String: String] = [:]
    /// Bytes of /dev/shm.
    var shmBytes: Int64 = 64 << 20
    /// Name servers of containers.
    var dns: [String] = []
    /// Resolver options of containers.
    var dnsOptions: [String] = []
    /// Search domains of containers.
    var dnsSearch: [String] = []
    /// The default bridge's interface; `none` for no bridge.
    var bridge = "cais0"
    /// The bridge's address.
    var bridgeAddress: IPv4Subnet?
    /// The part of the subnet that containers get addresses from.
    var containerRange: IPv4Subnet?
    /// Where a subnet is taken from.
    var addressPools: [IPv4Subnet] = []
    /// The largest packet in bytes.
    var mtu: UInt32 = 1500
    /// The host address of published ports that name none.
    var publishAddress = IPv4Address.any
    /// Whether the host is made to forward packets.
    var forwards = true
    /// Whether what leaves the host gets the host's address.
    var masquerades = true
    /// Whether containers reach each other without published ports.
    var interContainer = true

    /// The name of the runtime that comes with the engine.
    static let builtInRuntime = "cais"
    /// Where runtime state is when nobody says otherwise.
    static let execRootDefault = "/run/cais"

    /// The level in force.
    var effectiveLogLevel: Logger.Level { debug ? .debug : logLevel }
}
