// The part of a container's configuration that is portable: what an image may preset as well.
import OCISpec

/// What to run: the portable half of a container's configuration, also the shape of an image's.
public struct ContainerConfig: Codable, Hashable, Sendable {
    /// Host name inside; empty means the short ID.
    @Zero public var hostname: String
    /// NIS domain name inside.
    @Zero public var domainname: String
    /// `user[:group]`, names or numbers.
    @Zero public var user: String
    /// Whether the creator means to attach standard input.
    @Zero public var attachStdin: Bool
    /// Whether the creator means to attach standard output.
    @Zero public var attachStdout: Bool
    /// Whether the creator means to attach standard error.
    @Zero public var attachStderr: Bool
    /// Ports such as `80/tcp`; metadata.
    public var exposedPorts: [String: EmptyObject]?
    /// Whether the init process gets a terminal.
    @Zero public var tty: Bool
    /// Whether standard input stays open without a client.
    @Zero public var openStdin: Bool
    /// Whether standard input closes when the first client leaves.
    @Zero public var stdinOnce: Bool
    /// `NAME=value`; a name alone removes the image's value.
    @Null public var env: [String]?
    /// Arguments, or command and arguments.
    @StringList public var cmd: [String]?
    /// How health is probed.
    public var healthcheck: HealthConfig?
    /// Windows only.
    public var argsEscaped: Bool?
    /// The image reference the container was made from.
    @Zero public var image: String
    /// Paths that get an anonymous volume.
    @Null public var volumes: [String: EmptyObject]?
    /// Working directory.
    @Zero public var workingDir: String
    /// Command in front of `cmd`; `[""]` clears the image's.
    @StringList public var entrypoint: [String]?
    /// Whether no network is set up.
    public var networkDisabled: Bool?
    /// Older clients' place for the MAC address.
    public var macAddress: String?
    /// Build triggers; metadata.
    @Null public var onBuild: [String]?
    /// Labels.
    @Null public var labels: [String: String]?
    /// Signal of `stop`.
    public var stopSignal: String?
    /// Seconds before SIGKILL.
    public var stopTimeout: Int?
    /// Shell of shell forms; metadata.
    public var shell: [String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case hostname = "Hostname"
        case domainname = "Domainname"
        case user = "User"
        case attachStdin = "AttachStdin"
        case attachStdout = "AttachStdout"
        case attachStderr = "AttachStderr"
        case exposedPorts = "ExposedPorts"
        case tty = "Tty"
        case openStdin = "OpenStdin"
        case stdinOnce = "StdinOnce"
        case env = "Env"
        case cmd = "Cmd"
        case healthcheck = "Healthcheck"
        case argsEscaped = "ArgsEscaped"
        case image = "Image"
        case volumes = "Volumes"
        case workingDir = "WorkingDir"
        case entrypoint = "Entrypoint"
        case networkDisabled = "NetworkDisabled"
        case macAddress = "MacAddress"
        case onBuild = "OnBuild"
        case labels = "Labels"
        case stopSignal = "StopSignal"
        case stopTimeout = "StopTimeout"
        case shell = "Shell"
    }
}

/// How a container's health is probed; durations in nanoseconds.
public struct HealthConfig: Codable, Hashable, Sendable {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    public var test: [String]?
    /// Between probes.
    public var interval: Int64?
    /// For one probe.
    public var timeout: Int64?
    /// Grace at the start.
    public var startPeriod: Int64?
    /// Between probes during the grace.
    public var startInterval: Int64?
    /// Failures in a row until unhealthy.
    public var retries: Int?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case test = "Test"
        case interval = "Interval"
        case timeout = "Timeout"
        case startPeriod = "StartPeriod"
        case startInterval = "StartInterval"
        case retries = "Retries"
    }
}
