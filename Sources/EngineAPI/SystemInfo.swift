// The answer to /info.
import OCISpec

/// The engine and the machine at a glance.
public struct SystemInfo: Codable, Hashable, Sendable {
    /// ID of this engine.
    @Zero public var id: String
    /// Containers.
    @Zero public var containers: Int
    /// Of those, running.
    @Zero public var containersRunning: Int
    /// Of those, paused.
    @Zero public var containersPaused: Int
    /// Of those, stopped.
    @Zero public var containersStopped: Int
    /// Images.
    @Zero public var images: Int
    /// Storage driver.
    @Zero public var driver: String
    /// Pairs about it.
    @Zero public var driverStatus: [[String]]
    /// Obsolete.
    public var systemStatus: [[String]]?
    /// Drivers by kind.
    @Zero public var plugins: PluginsInfo
    /// Whether memory can be limited.
    @Zero public var memoryLimit: Bool
    /// Whether swap can be limited.
    @Zero public var swapLimit: Bool
    /// Whether the CFS period can be set.
    @Zero public var cpuCfsPeriod: Bool
    /// Whether the CFS quota can be set.
    @Zero public var cpuCfsQuota: Bool
    /// Whether CPU shares can be set.
    @Zero public var cpuShares: Bool
    /// Whether CPUs can be chosen.
    @Zero public var cpuSet: Bool
    /// Whether the number of processes can be limited.
    @Zero public var pidsLimit: Bool
    /// Whether the kernel forwards IPv4.
    @Zero public var ipv4Forwarding: Bool
    /// Obsolete.
    @OmitZero public var bridgeNfIptables: Bool
    /// Obsolete.
    @OmitZero public var bridgeNfIp6tables: Bool
    /// Whether the engine logs at level debug.
    @Zero public var debug: Bool
    /// Its open descriptors.
    @Zero public var nFd: Int
    /// Whether the OOM killer can be switched off.
    @Zero public var oomKillDisable: Bool
    /// Its threads.
    @Zero public var nGoroutines: Int
    /// Now, RFC 3339.
    @Zero public var systemTime: String
    /// Default log driver.
    @Zero public var loggingDriver: String
    /// `cgroupfs`.
    @Zero public var cgroupDriver: String
    /// `1` or `2`.
    @OmitZero public var cgroupVersion: String
    /// Clients that listen to events.
    @Zero public var nEventsListener: Int
    /// Kernel release.
    @Zero public var kernelVersion: String
    /// Distribution.
    @Zero public var operatingSystem: String
    /// Its version.
    @Zero public var osVersion: String
    /// `linux`.
    @Zero public var osType: String
    /// In the kernel's words.
    @Zero public var architecture: String
    /// Default registry.
    @Zero public var indexServerAddress: String
    /// Registries.
    @Null public var registryConfig: RegistryServiceConfig?
    /// CPUs.
    @Zero public var ncpu: Int
    /// Bytes of memory.
    @Zero public var memTotal: Int64
    /// Clusters only.
    @Null public var genericResources: [EmptyObject]?
    /// Data root.
    @Zero public var dockerRootDir: String
    /// Proxy.
    @Zero public var httpProxy: String
    /// Proxy.
    @Zero public var httpsProxy: String
    /// Exceptions from the proxy.
    @Zero public var noProxy: String
    /// Host name.
    @Zero public var name: String
    /// Labels of the engine.
    @Zero public var labels: [String]
    /// Whether experimental features are on.
    @Zero public var experimentalBuild: Bool
    /// Version of the engine.
    @Zero public var serverVersion: String
    /// OCI runtimes by name.
    @OmitZero public var runtimes: [String: RuntimeInfo]
    /// The default one.
    @Zero public var defaultRuntime: String
    /// Clusters: inactive.
    @Zero public var swarm: SwarmInfo
    /// Whether containers outlive the engine: always.
    @Zero public var liveRestoreEnabled: Bool
    /// Windows only.
    @Zero public var isolation: String
    /// Init for `--init`; empty when none.
    @Zero public var initBinary: String
    /// The supervisor.
    @Zero public var containerdCommit: CommitInfo
    /// The runtime.
    @Zero public var runcCommit: CommitInfo
    /// The init for `--init`.
    @Zero public var initCommit: CommitInfo
    /// `name=seccomp,profile=builtin` and so on.
    @Zero public var securityOptions: [String]
    /// Obsolete.
    @OmitZero public var productLicense: String
    /// Pools that networks take subnets from.
    public var defaultAddressPools: [AddressPool]?
    /// Directories of device specifications.
    @Zero public var cdiSpecDirs: [String]
    /// What this machine lacks.
    @Null public var warnings: [String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case containers = "Containers"
        case containersRunning = "ContainersRunning"
        case containersPaused = "ContainersPaused"
        case containersStopped = "ContainersStopped"
        case images = "Images"
        case driver = "Driver"
        case driverStatus = "DriverStatus"
        case systemStatus = "SystemStatus"
        case plugins = "Plugins"
        case memoryLimit = "MemoryLimit"
        case swapLimit = "SwapLimit"
        case cpuCfsPeriod = "CpuCfsPeriod"
        case cpuCfsQuota = "CpuCfsQuota"
        case cpuShares = "CPUShares"
        case cpuSet = "CPUSet"
        case pidsLimit = "PidsLimit"
        case ipv4Forwarding = "IPv4Forwarding"
        case bridgeNfIptables = "BridgeNfIptables"
        case bridgeNfIp6tables = "BridgeNfIp6tables"
        case debug = "Debug"
        case nFd = "NFd"
        case oomKillDisable = "OomKillDisable"
        case nGoroutines = "NGoroutines"
        case systemTime = "SystemTime"
        case loggingDriver = "LoggingDriver"
        case cgroupDriver = "CgroupDriver"
        case cgroupVersion = "CgroupVersion"
        case nEventsListener = "NEventsListener"
        case kernelVersion = "KernelVersion"
        case operatingSystem = "OperatingSystem"
        case osVersion = "OSVersion"
        case osType = "OSType"
        case architecture = "Architecture"
        case indexServerAddress = "IndexServerAddress"
        case registryConfig = "RegistryConfig"
        case ncpu = "NCPU"
        case memTotal = "MemTotal"
        case genericResources = "GenericResources"
        case dockerRootDir = "DockerRootDir"
        case httpProxy = "HttpProxy"
        case httpsProxy = "HttpsProxy"
        case noProxy = "NoProxy"
        case name = "Name"
        case labels = "Labels"
        case experimentalBuild = "ExperimentalBuild"
        case serverVersion = "ServerVersion"
        case runtimes = "Runtimes"
        case defaultRuntime = "DefaultRuntime"
        case swarm = "Swarm"
        case liveRestoreEnabled = "LiveRestoreEnabled"
        case isolation = "Isolation"
        case initBinary = "InitBinary"
        case containerdCommit = "ContainerdCommit"
        case runcCommit = "RuncCommit"
        case initCommit = "InitCommit"
        case securityOptions = "SecurityOptions"
        case productLicense = "ProductLicense"
        case defaultAddressPools = "DefaultAddressPools"
        case cdiSpecDirs = "CDISpecDirs"
        case warnings = "Warnings"
    }
}

/// Drivers by kind.
public struct PluginsInfo: Codable, Hashable, Sendable {
    /// Volume drivers.
    @Zero public var volume: [String]
    /// Network drivers.
    @Zero public var network: [String]
    /// Authorisation plugins.
    @Null public var authorization: [String]?
    /// Log drivers.
    @Zero public var log: [String]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case volume = "Volume"
        case network = "Network"
        case authorization = "Authorization"
        case log = "Log"
    }
}

/// Registries as the engine is configured.
public struct RegistryServiceConfig: Codable, Hashable, Sendable {
    /// Networks whose registries may speak plain HTTP.
    @Zero public var insecureRegistryCIDRs: [String]
    /// By name.
    @Zero public var indexConfigs: [String: IndexInfo]
    /// Mirrors of the default registry.
    @Zero public var mirrors: [String]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case insecureRegistryCIDRs = "InsecureRegistryCIDRs"
        case indexConfigs = "IndexConfigs"
        case mirrors = "Mirrors"
    }
}

/// One registry.
public struct IndexInfo: Codable, Hashable, Sendable {
    /// Name.
    @Zero public var name: String
    /// Mirrors.
    @Zero public var mirrors: [String]
    /// Whether TLS is required.
    @Zero public var secure: Bool
    /// Whether it is the default one.
    @Zero public var official: Bool

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case mirrors = "Mirrors"
        case secure = "Secure"
        case official = "Official"
    }
}

/// One OCI runtime.
public struct RuntimeInfo: Codable, Hashable, Sendable {
    /// Executable.
    @OmitZero public var path: String
    /// Further arguments.
    public var runtimeArgs: [String]?
    /// What it says of itself.
    public var status: [String: String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case path, runtimeArgs, status
    }
}

/// Cluster membership.
public struct SwarmInfo: Codable, Hashable, Sendable {
    /// Empty.
    @Zero public var nodeID: String
    /// Empty.
    @Zero public var nodeAddr: String
    /// `inactive`.
    @Zero public var localNodeState: String
    /// False.
    @Zero public var controlAvailable: Bool
    /// Empty.
    @Zero public var error: String
    /// Null.
    @Null public var remoteManagers: [EmptyObject]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case nodeID = "NodeID"
        case nodeAddr = "NodeAddr"
        case localNodeState = "LocalNodeState"
        case controlAvailable = "ControlAvailable"
        case error = "Error"
        case remoteManagers = "RemoteManagers"
    }
}

/// Commit of a part.
public struct CommitInfo: Codable, Hashable, Sendable {
    /// Commit.
    @Zero public var id: String
    /// The one that was expected.
    public var expected: String?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case expected = "Expected"
    }
}

/// A pool that networks take subnets from.
public struct AddressPool: Codable, Hashable, Sendable {
    /// CIDR.
    @Zero public var base: String
    /// Prefix length of each subnet.
    @Zero public var size: Int

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case base = "Base"
        case size = "Size"
    }
}
