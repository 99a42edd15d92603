// ContainerProcessState owns the shape of what a seccomp agent is told (config-linux.md, "The
// Container Process State").

/// A process of a container, and what the descriptors beside the message are.
public struct ContainerProcessState: Codable, Hashable, Sendable {
    /// The version of the specification that this document follows.
    public var ociVersion: String
    /// The names of the descriptors, in their order.
    public var fds: [String]?
    /// The process as the runtime sees it.
    public var pid: Int32
    /// Opaque text from the configuration.
    public var metadata: String?
    /// The container.
    public var state: RuntimeState

    /// The name of a seccomp notification descriptor.
    public static let seccompDescriptor = "seccompFd"

    /// Makes one from its parts; what is left out is absent.
    public init(
        ociVersion: String = RuntimeSpec.versionMax, fds: [String]? = nil, pid: Int32, metadata: String? = nil, state: RuntimeState
    ) {
        self.ociVersion = ociVersion
        self.fds = fds
        self.pid = pid
        self.metadata = metadata
        self.state = state
    }
}
