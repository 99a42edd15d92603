// The small objects inside HostConfig.
import OCISpec

/// Log driver and its options.
public struct LogConfig: Codable, Hashable, Sendable {
    /// `json-file`, `none`, …; empty is the engine's default.
    @Zero public var type: String
    /// The driver's options.
    @Zero public var config: [String: String]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case config = "Config"
    }
}

/// When a container is started again.
public struct RestartPolicyConfig: Codable, Hashable, Sendable {
    /// `no`, `always`, `unless-stopped`, `on-failure` or empty.
    @Zero public var name: String
    /// For `on-failure`; 0 is for ever.
    @Zero public var maximumRetryCount: Int

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case maximumRetryCount = "MaximumRetryCount"
    }
}

/// One host side of a published port.
public struct PortBinding: Codable, Hashable, Sendable {
    /// Address to listen on; empty is every address.
    @Zero public var hostIP: String
    /// Port or range; empty lets the engine choose.
    @Zero public var hostPort: String

    /// The zero value; set what you need.
    public init() {}

    /// A binding of `hostPort` on `hostIP`.
    public init(hostIP: String, hostPort: String) {
        self.hostIP = hostIP
        self.hostPort = hostPort
    }

    private enum CodingKeys: String, CodingKey {
        case hostIP = "HostIp"
        case hostPort = "HostPort"
    }
}

/// A mount in long form, as `--mount` sends it.
public struct MountRequest: Codable, Hashable, Sendable {
    /// Where it appears inside.
    @OmitZero public var target: String
    /// Path, volume or image.
    @OmitZero public var source: String
    /// `bind`, `volume`, `tmpfs`, `image`, …
    @OmitZero public var type: String
    /// Whether it is read-only.
    @OmitZero public var readOnly: Bool
    /// Ignored on Linux.
    @OmitZero public var consistency: String
    /// For `bind`.
    public var bindOptions: BindOptions?
    /// For `volume`.
    public var volumeOptions: VolumeOptions?
    /// For `image`.
    public var imageOptions: ImageOptions?
    /// For `tmpfs`.
    public var tmpfsOptions: TmpfsOptions?
    /// For `cluster`; never served.
    public var clusterOptions: EmptyObject?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case target = "Target"
        case source = "Source"
        case type = "Type"
        case readOnly = "ReadOnly"
        case consistency = "Consistency"
        case bindOptions = "BindOptions"
        case volumeOptions = "VolumeOptions"
        case imageOptions = "ImageOptions"
        case tmpfsOptions = "TmpfsOptions"
        case clusterOptions = "ClusterOptions"
    }
}

/// Options of a bind mount in long form.
public struct BindOptions: Codable, Hashable, Sendable {
    /// `rprivate`, `rshared`, …
    @OmitZero public var propagation: String
    /// Whether mounts beneath the source stay out.
    @OmitZero public var nonRecursive: Bool
    /// Whether a missing source is made.
    @OmitZero public var createMountpoint: Bool
    /// Whether read-only holds for the top mount alone.
    @OmitZero public var readOnlyNonRecursive: Bool
    /// Whether read-only beneath is required.
    @OmitZero public var readOnlyForceRecursive: Bool

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case propagation = "Propagation"
        case nonRecursive = "NonRecursive"
        case createMountpoint = "CreateMountpoint"
        case readOnlyNonRecursive = "ReadOnlyNonRecursive"
        case readOnlyForceRecursive = "ReadOnlyForceRecursive"
    }
}

/// Options of a volume mount in long form.
public struct VolumeOptions: Codable, Hashable, Sendable {
    /// Whether the image's content is not copied in.
    @OmitZero public var noCopy: Bool
    /// Labels of the volume when it is made.
    public var labels: [String: String]?
    /// Driver of the volume when it is made.
    public var driverConfig: VolumeDriverConfig?
    /// Path within the volume.
    @OmitZero public var subpath: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case noCopy = "NoCopy"
        case labels = "Labels"
        case driverConfig = "DriverConfig"
        case subpath = "Subpath"
    }
}

/// Driver of a volume that a mount makes.
public struct VolumeDriverConfig: Codable, Hashable, Sendable {
    /// Driver.
    @OmitZero public var name: String
    /// Its options.
    public var options: [String: String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case options = "Options"
    }
}

/// Options of an image mount.
public struct ImageOptions: Codable, Hashable, Sendable {
    /// Path within the image.
    @OmitZero public var subpath: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case subpath = "Subpath"
    }
}

/// Options of a tmpfs mount in long form.
public struct TmpfsOptions: Codable, Hashable, Sendable {
    /// Size at most.
    @OmitZero public var sizeBytes: Int64
    /// File mode of its root.
    @OmitZero public var mode: Int
    /// Mount flags, each `[name]` or `[name, value]`.
    public var options: [[String]]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case sizeBytes = "SizeBytes"
        case mode = "Mode"
        case options = "Options"
    }
}

/// Block I/O weight of one device.
public struct WeightDevice: Codable, Hashable, Sendable {
    /// Device.
    @Zero public var path: String
    /// Weight.
    @Zero public var weight: Int

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case path = "Path"
        case weight = "Weight"
    }
}

/// Rate limit of one device.
public struct ThrottleDevice: Codable, Hashable, Sendable {
    /// Device.
    @Zero public var path: String
    /// Per second.
    @Zero public var rate: UInt64

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case path = "Path"
        case rate = "Rate"
    }
}

/// A host device inside.
public struct DeviceMapping: Codable, Hashable, Sendable {
    /// Device of the host.
    @Zero public var pathOnHost: String
    /// Its name inside.
    @Zero public var pathInContainer: String
    /// Of `rwm`.
    @Zero public var cgroupPermissions: String

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case pathOnHost = "PathOnHost"
        case pathInContainer = "PathInContainer"
        case cgroupPermissions = "CgroupPermissions"
    }
}

/// A request to a device driver.
public struct DeviceRequest: Codable, Hashable, Sendable {
    /// Driver.
    @Zero public var driver: String
    /// How many; -1 all.
    @Zero public var count: Int
    /// Which ones.
    @Null public var deviceIDs: [String]?
    /// Any of these sets of capabilities.
    @Null public var capabilities: [[String]]?
    /// The driver's options.
    @Null public var options: [String: String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case count = "Count"
        case deviceIDs = "DeviceIDs"
        case capabilities = "Capabilities"
        case options = "Options"
    }
}

/// A resource limit of processes.
public struct Ulimit: Codable, Hashable, Sendable {
    /// Such as `nofile`.
    @Zero public var name: String
    /// Soft limit; -1 unlimited.
    @Zero public var soft: Int64
    /// Hard limit; -1 unlimited.
    @Zero public var hard: Int64

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case soft = "Soft"
        case hard = "Hard"
    }
}
