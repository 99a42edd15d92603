// CgroupView owns what a container sees of the cgroup hierarchies: its own directories, nothing above.

/// What a mount of type `cgroup` shows.
enum CgroupView: Hashable, Sendable {
    /// One hierarchy for all controllers (v2): the container's directory on the host.
    case unified(path: String)
    /// A directory for each hierarchy (v1), and links for the other names of those that share one.
    case hierarchies([Directory], links: [Link])

    struct Directory: Hashable, Sendable {
        /// As the hierarchy's directory is called on the host.
        let name: String
        /// The container's own directory in it, on the host.
        let path: String
    }

    struct Link: Hashable, Sendable {
        let name: String
        let target: String
    }

    /// The directories on the host.
    var paths: [String] {
        switch self {
        case .unified(let path): [path]
        case .hierarchies(let directories, _): directories.map(\.path)
        }
    }
}
