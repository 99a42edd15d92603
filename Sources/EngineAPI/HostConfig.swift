// The part of a container's configuration that depends on the host: resources, mounts, ports, isolation.

/// How to run it here: every field that clients send, whether or not this engine acts on it yet.
public struct HostConfig: Codable, Hashable, Sendable {
    /// `source:target[:options]` bind mounts and volumes.
    @Null public var binds: [String]?
    /// The client's file for the ID; stored only.
    @Zero public var containerIDFile: String
    /// Log driver and its options.
    @Zero public var logConfig: LogConfig
    /// `default`, `bridge`, `host`, `none`, `container:ID` or a network's name.
    @Zero public var networkMode: String
    /// Host ports by container port `80/tcp`.
    @Null public var portBindings: [String: [PortBinding]?]?
    /// When to start it again.
    @Zero public var restartPolicy: RestartPolicyConfig
    /// Remove the container when it exits.
    @Zero public var autoRemove: Bool
    /// Driver for volumes in `binds`.
    @Zero public var volumeDriver: String
    /// Containers whose mounts are taken over.
    @Null public var volumesFrom: [String]?
    /// Mounts in long form.
    public var mounts: [MountRequest]?
    /// Height and width of the terminal at creation.
    @Zero public var consoleSize: [Int]
    /// OCI annotations.
    public var annotations: [String: String]?
    /// Capabilities to add.
    @StringList public var capAdd: [String]?
    /// Capabilities to drop.
    @StringList public var capDrop: [String]?
    /// `private` or `host`.
    @Zero public var cgroupnsMode: String
    /// Name servers.
    @Null public var dns: [String]?
    /// Resolver options.
    @Null public var dnsOptions: [String]?
    /// Search domains.
    @Null public var dnsSearch: [String]?
    /// `name:address` lines for /etc/hosts.
    @Null public var extraHosts: [String]?
    /// Additional groups.
    @Null public var groupAdd: [String]?
    /// `none`, `private`, `shareable`, `host` or `container:ID`.
    @Zero public var ipcMode: String
    /// Obsolete; must be empty.
    @Zero public var cgroup: String
    /// Legacy links.
    @Null public var links: [String]?
    /// OOM score adjustment.
    @Zero public var oomScoreAdj: Int
    /// `host` or `container:ID`, else private.
    @Zero public var pidMode: String
    /// All capabilities and devices, no confinement.
    @Zero public var privileged: Bool
    /// Publish every exposed port.
    @Zero public var publishAllPorts: Bool
    /// Root file system read-only.
    @Zero public var readonlyRootfs: Bool
    /// `seccomp=…`, `no-new-privileges`, `label=…` and so on.
    @Null public var securityOpt: [String]?
    /// Options of the storage driver.
    public var storageOpt: [String: String]?
    /// tmpfs mounts: path to options.
    public var tmpfs: [String: String]?
    /// `host` or private.
    @Zero public var utsMode: String
    /// `host` or the engine's.
    @Zero public var usernsMode: String
    /// Bytes of /dev/shm; 0 is the default.
    @Zero public var shmSize: Int64
    /// Namespaced sysctls.
    public var sysctls: [String: String]?
    /// Name of the OCI runtime.
    @Zero public var runtime: String
    /// Windows only.
    @Zero public var isolation: String
    /// Relative CPU weight.
    @Zero public var cpuShares: Int64
    /// Memory limit in bytes.
    @Zero public var memory: Int64
    /// CPUs in units of 1e-9.
    @Zero public var nanoCpus: Int64
    /// Parent cgroup.
    @Zero public var cgroupParent: String
    /// Block I/O weight.
    @Zero public var blkioWeight: Int
    /// Block I/O weight by device.
    @Null public var blkioWeightDevice: [WeightDevice]?
    /// Read bytes per second by device.
    @Null public var blkioDeviceReadBps: [ThrottleDevice]?
    /// Written bytes per second by device.
    @Null public var blkioDeviceWriteBps: [ThrottleDevice]?
    /// Reads per second by device.
    @Null public var blkioDeviceReadIOps: [ThrottleDevice]?
    /// Writes per second by device.
    @Null public var blkioDeviceWriteIOps: [ThrottleDevice]?
    /// CFS period in microseconds.
    @Zero public var cpuPeriod: Int64
    /// CFS quota in microseconds.
    @Zero public var cpuQuota: Int64
    /// Real-time period in microseconds.
    @Zero public var cpuRealtimePeriod: Int64
    /// Real-time runtime in microseconds.
    @Zero public var cpuRealtimeRuntime: Int64
    /// CPUs it may use.
    @Zero public var cpusetCpus: String
    /// Memory nodes it may use.
    @Zero public var cpusetMems: String
    /// Host devices inside.
    @Null public var devices: [DeviceMapping]?
    /// Device cgroup rules.
    @Null public var deviceCgroupRules: [String]?
    /// Requests to device drivers.
    @Null public var deviceRequests: [DeviceRequest]?
    /// Removed from newer versions of the API.
    public var kernelMemory: Int64?
    /// Removed from newer versions of the API.
    public var kernelMemoryTCP: Int64?
    /// Soft memory limit in bytes.
    @Zero public var memoryReservation: Int64
    /// Memory and swap in bytes; -1 unlimited, 0 twice the memory.
    @Zero public var memorySwap: Int64
    /// Swappiness, cgroup v1 only.
    @Null public var memorySwappiness: Int64?
    /// Whether the OOM killer is off, cgroup v1 only.
    @Null public var oomKillDisable: Bool?
    /// Processes at most; 0 and -1 unlimited.
    @Null public var pidsLimit: Int64?
    /// Resource limits of processes.
    @Null public var ulimits: [Ulimit]?
    /// Windows only.
    @Zero public var cpuCount: Int64
    /// Windows only.
    @Zero public var cpuPercent: Int64
    /// Windows only.
    @Zero public var ioMaximumIOps: Int64
    /// Windows only.
    @Zero public var ioMaximumBandwidth: Int64
    /// Masked paths; nil is the engine's default, empty is none.
    @Null public var maskedPaths: [String]?
    /// Read-only paths; nil is the engine's default, empty is none.
    @Null public var readonlyPaths: [String]?
    /// Whether an init reaps inside.
    public var initProcess: Bool?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case binds = "Binds"
        case containerIDFile = "ContainerIDFile"
        case logConfig = "LogConfig"
        case networkMode = "NetworkMode"
        case portBindings = "PortBindings"
        case restartPolicy = "RestartPolicy"
        case autoRemove = "AutoRemove"
        case volumeDriver = "VolumeDriver"
        case volumesFrom = "VolumesFrom"
        case mounts = "Mounts"
        case consoleSize = "ConsoleSize"
        case annotations = "Annotations"
        case capAdd = "CapAdd"
        case capDrop = "CapDrop"
        case cgroupnsMode = "CgroupnsMode"
        case dns = "Dns"
        case dnsOptions = "DnsOptions"
        case dnsSearch = "DnsSearch"
        case extraHosts = "ExtraHosts"
        case groupAdd = "GroupAdd"
        case ipcMode = "IpcMode"
        case cgroup = "Cgroup"
        case links = "Links"
        case oomScoreAdj = "OomScoreAdj"
        case pidMode = "PidMode"
        case privileged = "Privileged"
        case publishAllPorts = "PublishAllPorts"
        case readonlyRootfs = "ReadonlyRootfs"
        case securityOpt = "SecurityOpt"
        case storageOpt = "StorageOpt"
        case tmpfs = "Tmpfs"
        case utsMode = "UTSMode"
        case usernsMode = "UsernsMode"
        case shmSize = "ShmSize"
        case sysctls = "Sysctls"
        case runtime = "Runtime"
        case isolation = "Isolation"
        case cpuShares = "CpuShares"
        case memory = "Memory"
        case nanoCpus = "NanoCpus"
        case cgroupParent = "CgroupParent"
        case blkioWeight = "BlkioWeight"
        case blkioWeightDevice = "BlkioWeightDevice"
        case blkioDeviceReadBps = "BlkioDeviceReadBps"
        case blkioDeviceWriteBps = "BlkioDeviceWriteBps"
        case blkioDeviceReadIOps = "BlkioDeviceReadIOps"
        case blkioDeviceWriteIOps = "BlkioDeviceWriteIOps"
        case cpuPeriod = "CpuPeriod"
        case cpuQuota = "CpuQuota"
        case cpuRealtimePeriod = "CpuRealtimePeriod"
        case cpuRealtimeRuntime = "CpuRealtimeRuntime"
        case cpusetCpus = "CpusetCpus"
        case cpusetMems = "CpusetMems"
        case devices = "Devices"
        case deviceCgroupRules = "DeviceCgroupRules"
        case deviceRequests = "DeviceRequests"
        case kernelMemory = "KernelMemory"
        case kernelMemoryTCP = "KernelMemoryTCP"
        case memoryReservation = "MemoryReservation"
        case memorySwap = "MemorySwap"
        case memorySwappiness = "MemorySwappiness"
        case oomKillDisable = "OomKillDisable"
        case pidsLimit = "PidsLimit"
        case ulimits = "Ulimits"
        case cpuCount = "CpuCount"
        case cpuPercent = "CpuPercent"
        case ioMaximumIOps = "IOMaximumIOps"
        case ioMaximumBandwidth = "IOMaximumBandwidth"
        case maskedPaths = "MaskedPaths"
        case readonlyPaths = "ReadonlyPaths"
        case initProcess = "Init"
    }
}
