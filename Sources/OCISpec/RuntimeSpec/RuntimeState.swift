// RuntimeState owns the shape of the state document: what `state` prints and hooks read.

/// The state of a container, as the OCI runtime specification words it.
public struct RuntimeState: Codable, Hashable, Sendable {
    /// The version of the specification.
    public var ociVersion: String
    /// The container's name, unique on this machine for this runtime.
    public var id: String
    /// Its status.
    public var status: RuntimeStatus
    /// Its init as the host sees it; absent when there is none.
    public var pid: Int32?
    /// The absolute path of its bundle.
    public var bundle: String
    /// The annotations of its configuration.
    public var annotations: [String: String]?

    /// Makes one from its parts; what is left out is absent.
    public init(
        ociVersion: String = RuntimeSpec.versionMax, id: String, status: RuntimeStatus, pid: Int32? = nil, bundle: String,
        annotations: [String: String]? = nil
    ) {
        self.ociVersion = ociVersion
        self.id = id
        self.status = status
        self.pid = pid
        self.bundle = bundle
        self.annotations = annotations
    }
}

/// The one-word status of a container.
public enum RuntimeStatus: String, Codable, Hashable, Sendable, CaseIterable {
    /// It is being made.
    case creating
    /// It is there, and its program has not been started.
    case created
    /// Its program runs.
    case running
    /// Its program has ended.
    case stopped
    /// Its processes are frozen; an extension that the peers share.
    case paused
}
