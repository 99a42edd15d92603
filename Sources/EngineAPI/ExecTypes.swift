// Added processes: what clients ask for and see.

/// A process to add to a running container.
public struct ExecCreateRequest: Codable, Hashable, Sendable {
    /// `user[:group]`.
    @OmitZero public var user: String
    /// Whether it gets every capability.
    @OmitZero public var privileged: Bool
    /// Whether it gets a terminal.
    @OmitZero public var tty: Bool
    /// Height and width of the terminal.
    public var consoleSize: [Int]?
    /// Whether standard input will be attached.
    @OmitZero public var attachStdin: Bool
    /// Whether standard error will be attached.
    @OmitZero public var attachStderr: Bool
    /// Whether standard output will be attached.
    @OmitZero public var attachStdout: Bool
    /// Keys that detach.
    @OmitZero public var detachKeys: String
    /// Further environment.
    public var env: [String]?
    /// Working directory.
    @OmitZero public var workingDir: String
    /// Command and arguments.
    @StringList public var cmd: [String]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case user = "User"
        case privileged = "Privileged"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
        case attachStdin = "AttachStdin"
        case attachStderr = "AttachStderr"
        case attachStdout = "AttachStdout"
        case detachKeys = "DetachKeys"
        case env = "Env"
        case workingDir = "WorkingDir"
        case cmd = "Cmd"
    }
}

/// How to start an exec.
public struct ExecStartRequest: Codable, Hashable, Sendable {
    /// Whether nobody attaches.
    @Zero public var detach: Bool
    /// Whether the client treats the stream as a terminal's.
    @Zero public var tty: Bool
    /// Height and width of the terminal.
    public var consoleSize: [Int]?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case detach = "Detach"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
    }
}

/// An exec.
public struct ExecInspect: Codable, Hashable, Sendable {
    /// ID.
    @Zero public var id: String
    /// Whether it runs.
    @Zero public var running: Bool
    /// Of the ended process.
    @Null public var exitCode: Int?
    /// What it runs.
    @Zero public var processConfig: ExecProcessConfig
    /// Whether standard input is attached.
    @Zero public var openStdin: Bool
    /// Whether standard error is attached.
    @Zero public var openStderr: Bool
    /// Whether standard output is attached.
    @Zero public var openStdout: Bool
    /// Whether its record may go.
    @Zero public var canRemove: Bool
    /// Container.
    @Zero public var containerID: String
    /// Keys that detach.
    @Zero public var detachKeys: String
    /// Pid on the host; 0 when not started.
    @Zero public var pid: Int

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case running = "Running"
        case exitCode = "ExitCode"
        case processConfig = "ProcessConfig"
        case openStdin = "OpenStdin"
        case openStderr = "OpenStderr"
        case openStdout = "OpenStdout"
        case canRemove = "CanRemove"
        case containerID = "ContainerID"
        case detachKeys = "DetachKeys"
        case pid = "Pid"
    }
}

/// What an exec runs.
public struct ExecProcessConfig: Codable, Hashable, Sendable {
    /// Whether it has a terminal.
    @Zero public var tty: Bool
    /// Command.
    @Zero public var entrypoint: String
    /// Arguments.
    @Zero public var arguments: [String]
    /// Whether it has every capability.
    public var privileged: Bool?
    /// `user[:group]`.
    public var user: String?

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case tty, entrypoint, arguments, privileged, user
    }
}
