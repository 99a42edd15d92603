// RuntimeSpec owns the shape of a bundle's config.json (OCI runtime specification 1.3, Linux).
// It holds what was written, absent where nothing was; what the values mean, which are allowed
// together and what they default to is decided by whoever runs the container.

/// The root of config.json.
public struct RuntimeSpec: Codable, Hashable, Sendable {
    /// The version of the specification that the document follows (SemVer).
    public var ociVersion: String
    /// The container's root file system.
    public var root: Root?
    /// The program to run; needed when the container is started, not before.
    public var process: Process?
    /// The host name, set in the container's UTS namespace.
    public var hostname: String?
    /// The NIS domain name, set in the container's UTS namespace.
    public var domainname: String?
    /// What is mounted in addition to the root, in this order.
    public var mounts: [Mount]?
    /// Programs that run at points of the container's life.
    public var hooks: Hooks?
    /// Metadata, carried into the state and to hooks.
    public var annotations: [String: String]?
    /// Everything only Linux has.
    public var linux: Linux?

    /// Makes one from its parts; what is left out is absent.
    public init(
        ociVersion: String = "1.3.0", root: Root? = nil, process: Process? = nil, hostname: String? = nil,
        domainname: String? = nil, mounts: [Mount]? = nil, hooks: Hooks? = nil, annotations: [String: String]? = nil,
        linux: Linux? = nil
    ) {
        self.ociVersion = ociVersion
        self.root = root
        self.process = process
        self.hostname = hostname
        self.domainname = domainname
        self.mounts = mounts
        self.hooks = hooks
        self.annotations = annotations
        self.linux = linux
    }
}

extension RuntimeSpec {
    /// The newest version of the specification whose properties these types know.
    public static let versionMax = "1.3.0"
    /// The oldest version that is understood.
    public static let versionMin = "1.0.0"
}
