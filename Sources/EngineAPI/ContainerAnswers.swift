// What the engine answers about containers.

/// The new container.
public struct ContainerCreateResponse: Codable, Hashable, Sendable {
    /// Its ID.
    @Zero public var id: String
    /// What was not quite as asked for.
    @Zero public var warnings: [String]

    /// The zero value; set what you need.
    public init() {}

    /// The container `id`, with warnings.
    public init(id: String, warnings: [String] = []) {
        self.id = id
        self.warnings = warnings
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warnings = "Warnings"
    }
}

/// A container in a listing.
public struct ContainerSummary: Codable, Hashable, Sendable {
    /// ID.
    @Zero public var id: String
    /// Names, each with a leading slash.
    @Zero public var names: [String]
    /// Image reference, as the creator wrote it.
    @Zero public var image: String
    /// Image ID.
    @Zero public var imageID: String
    /// Path and arguments on one line.
    @Zero public var command: String
    /// Seconds since 1970.
    @Zero public var created: Int64
    /// Exposed and published ports.
    @Zero public var ports: [PortSummary]
    /// Bytes of the writable layer, when asked for.
    public var sizeRw: Int64?
    /// Bytes of everything, when asked for.
    public var sizeRootFs: Int64?
    /// Labels.
    @Zero public var labels: [String: String]
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    @Zero public var state: String
    /// The state in words.
    @Zero public var status: String
    /// Network mode.
    @Zero public var hostConfig: HostConfigSummary
    /// Endpoints.
    @Zero public var networkSettings: NetworkSettingsSummary
    /// Mounts.
    @Zero public var mounts: [MountPoint]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case names = "Names"
        case image = "Image"
        case imageID = "ImageID"
        case command = "Command"
        case created = "Created"
        case ports = "Ports"
        case sizeRw = "SizeRw"
        case sizeRootFs = "SizeRootFs"
        case labels = "Labels"
        case state = "State"
        case status = "Status"
        case hostConfig = "HostConfig"
        case networkSettings = "NetworkSettings"
        case mounts = "Mounts"
    }
}

/// One port in a listing.
public struct PortSummary: Codable, Hashable, Sendable {
    /// Host address when published.
    public var ip: String?
    /// Port inside.
    @Zero public var privatePort: UInt16
    /// Host port when published.
    public var publicPort: UInt16?
    /// `tcp`, `udp` or `sctp`.
    @Zero public var type: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case ip = "IP"
        case privatePort = "PrivatePort"
        case publicPort = "PublicPort"
        case type = "Type"
    }
}

/// The host configuration in a listing.
public struct HostConfigSummary: Codable, Hashable, Sendable {
    /// Network mode.
    @OmitZero public var networkMode: String
    /// OCI annotations.
    public var annotations: [String: String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case networkMode = "NetworkMode"
        case annotations = "Annotations"
    }
}

/// The endpoints in a listing.
public struct NetworkSettingsSummary: Codable, Hashable, Sendable {
    /// By network name.
    @Zero public var networks: [String: EndpointSettings]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case networks = "Networks"
    }
}

/// A mount as inspect and listings show it.
public struct MountPoint: Codable, Hashable, Sendable {
    /// `bind`, `volume`, `tmpfs`.
    @OmitZero public var type: String
    /// Volume.
    @OmitZero public var name: String
    /// Path on the host.
    @Zero public var source: String
    /// Path inside.
    @Zero public var destination: String
    /// Volume driver.
    @OmitZero public var driver: String
    /// Options as given.
    @Zero public var mode: String
    /// Whether it can be written.
    @Zero public var rw: Bool
    /// Propagation.
    @Zero public var propagation: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case name = "Name"
        case source = "Source"
        case destination = "Destination"
        case driver = "Driver"
        case mode = "Mode"
        case rw = "RW"
        case propagation = "Propagation"
    }
}

/// Everything about one container.
public struct ContainerInspect: Codable, Hashable, Sendable {
    /// ID.
    @Zero public var id: String
    /// When it was made, RFC 3339.
    @Zero public var created: String
    /// Command.
    @Zero public var path: String
    /// Its arguments.
    @Zero public var args: [String]
    /// State.
    @Zero public var state: ContainerState
    /// Image ID.
    @Zero public var image: String
    /// Its resolv.conf on the host.
    @Zero public var resolvConfPath: String
    /// Its hostname file on the host.
    @Zero public var hostnamePath: String
    /// Its hosts file on the host.
    @Zero public var hostsPath: String
    /// Its log file on the host.
    @Zero public var logPath: String
    /// Name with a leading slash.
    @Zero public var name: String
    /// How often the policy has restarted it.
    @Zero public var restartCount: Int
    /// Storage driver.
    @Zero public var driver: String
    /// `linux`.
    @Zero public var platform: String
    /// SELinux mount label.
    @Zero public var mountLabel: String
    /// SELinux process label.
    @Zero public var processLabel: String
    /// AppArmor profile.
    @Zero public var appArmorProfile: String
    /// Execs.
    @Null public var execIDs: [String]?
    /// Host configuration.
    @Zero public var hostConfig: HostConfig
    /// Where its file system lies.
    @Zero public var graphDriver: DriverData
    /// Bytes of the writable layer, when asked for.
    public var sizeRw: Int64?
    /// Bytes of everything, when asked for.
    public var sizeRootFs: Int64?
    /// Mounts.
    @Zero public var mounts: [MountPoint]
    /// Portable configuration.
    @Zero public var config: ContainerConfig
    /// Network.
    @Zero public var networkSettings: NetworkSettings

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case path = "Path"
        case args = "Args"
        case state = "State"
        case image = "Image"
        case resolvConfPath = "ResolvConfPath"
        case hostnamePath = "HostnamePath"
        case hostsPath = "HostsPath"
        case logPath = "LogPath"
        case name = "Name"
        case restartCount = "RestartCount"
        case driver = "Driver"
        case platform = "Platform"
        case mountLabel = "MountLabel"
        case processLabel = "ProcessLabel"
        case appArmorProfile = "AppArmorProfile"
        case execIDs = "ExecIDs"
        case hostConfig = "HostConfig"
        case graphDriver = "GraphDriver"
        case sizeRw = "SizeRw"
        case sizeRootFs = "SizeRootFs"
        case mounts = "Mounts"
        case config = "Config"
        case networkSettings = "NetworkSettings"
    }
}

/// A container's state, in docker's words and booleans.
public struct ContainerState: Codable, Hashable, Sendable {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    @Zero public var status: String
    /// Whether it runs (also while paused or restarting).
    @Zero public var running: Bool
    /// Whether it is frozen.
    @Zero public var paused: Bool
    /// Whether the policy is about to start it again.
    @Zero public var restarting: Bool
    /// Whether the last run met the OOM killer.
    @Zero public var oomKilled: Bool
    /// Whether its removal failed half-way.
    @Zero public var dead: Bool
    /// Init's pid; 0 without a task.
    @Zero public var pid: Int
    /// Of the last run.
    @Zero public var exitCode: Int
    /// Why it did not start.
    @Zero public var error: String
    /// RFC 3339; year 1 when never.
    @Zero public var startedAt: String
    /// RFC 3339; year 1 when never.
    @Zero public var finishedAt: String
    /// Health, where it is probed.
    public var health: Health?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case status = "Status"
        case running = "Running"
        case paused = "Paused"
        case restarting = "Restarting"
        case oomKilled = "OOMKilled"
        case dead = "Dead"
        case pid = "Pid"
        case exitCode = "ExitCode"
        case error = "Error"
        case startedAt = "StartedAt"
        case finishedAt = "FinishedAt"
        case health = "Health"
    }
}

/// Health of a container.
public struct Health: Codable, Hashable, Sendable {
    /// `none`, `starting`, `healthy`, `unhealthy`.
    @Zero public var status: String
    /// Failures in a row.
    @Zero public var failingStreak: Int
    /// The last results.
    @Null public var log: [HealthcheckResult]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case status = "Status"
        case failingStreak = "FailingStreak"
        case log = "Log"
    }
}

/// One probe.
public struct HealthcheckResult: Codable, Hashable, Sendable {
    /// RFC 3339.
    @Zero public var start: String
    /// RFC 3339.
    @Zero public var end: String
    /// Of the probe.
    @Zero public var exitCode: Int
    /// Its output.
    @Zero public var output: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case start = "Start"
        case end = "End"
        case exitCode = "ExitCode"
        case output = "Output"
    }
}

/// Where a file system lies.
public struct DriverData: Codable, Hashable, Sendable {
    /// The driver's paths.
    @Null public var data: [String: String]?
    /// Driver.
    @Zero public var name: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case data = "Data"
        case name = "Name"
    }
}

/// How a container ended.
public struct WaitResponse: Codable, Hashable, Sendable {
    /// Exit code.
    @Zero public var statusCode: Int
    /// Why waiting failed.
    public var error: WaitError?

    /// The zero value; set what you need.
    public init() {}

    /// It ended with `statusCode`.
    public init(statusCode: Int, error: WaitError? = nil) {
        self.statusCode = statusCode
        self.error = error
    }

    private enum CodingKeys: String, CodingKey {
        case statusCode = "StatusCode"
        case error = "Error"
    }
}

/// Why waiting failed.
public struct WaitError: Codable, Hashable, Sendable {
    /// Text.
    @Zero public var message: String

    /// The zero value; set what you need.
    public init() {}

    /// It failed with this text.
    public init(message: String) { self.message = message }

    private enum CodingKeys: String, CodingKey {
        case message = "Message"
    }
}

/// What a prune of containers removed.
public struct ContainersPruneReport: Codable, Hashable, Sendable {
    /// IDs.
    @Null public var containersDeleted: [String]?
    /// Bytes.
    @Zero public var spaceReclaimed: Int64

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case containersDeleted = "ContainersDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}
