// CheckpointOptions owns what the caller of checkpoint and restore chose.

package struct CheckpointOptions: Sendable {
    /// Which cgroups criu puts into the images and back (its --manage-cgroups).
    package enum CgroupsMode: String, Sendable, CaseIterable {
        /// None: the runtime makes the container's cgroup, as it does for any other.
        case ignore
        /// As criu has them.
        case soft, full, strict
    }

    /// The program; a name is looked for in PATH.
    package var program = "criu"
    /// The directory of the images.
    package var imagePath = "checkpoint"
    /// The directory of criu's logs; nil for one beside the container's record.
    package var workPath: String?
    /// The directory of an earlier checkpoint's images, relative to ``imagePath``.
    package var parentPath: String?
    /// checkpoint: the container goes on.
    package var leavesRunning = false
    /// checkpoint: only memory is written, and the container goes on; a later one has this as its parent.
    package var isPreDump = false
    /// Established TCP connections are written and restored.
    package var hasTCPConnections = false
    /// checkpoint: TCP connections that are just being made are left out.
    package var skipsTCPInFlight = false
    /// Unix sockets to the outside are allowed.
    package var hasExternalUnixSockets = false
    /// The container's session has its leader or its terminal outside.
    package var isShellJob = false
    /// File locks are written and restored.
    package var hasFileLocks = false
    /// checkpoint: deleted files that are open are linked back.
    package var linksRemoved = false
    /// Memory that an earlier checkpoint of the same chain has is taken out of it.
    package var savesRoom = false
    /// The network namespace is restored empty.
    package var hasEmptyNetwork = false
    /// checkpoint: the address and port of a page server for the memory.
    package var pageServer: (address: String, port: String)?
    package var cgroupsMode = CgroupsMode.ignore

    /// The defaults.
    package init() {}
}
