// Root and Mount: what the container's file tree is made of.

extension RuntimeSpec {
    /// The container's root file system.
    public struct Root: Codable, Hashable, Sendable {
        /// Its directory, absolute or relative to the bundle.
        public var path: String
        /// Whether the container sees it read-only.
        public var readonly: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(path: String, readonly: Bool? = nil) {
            self.path = path
            self.readonly = readonly
        }
    }

    /// One mount beneath the root.
    public struct Mount: Codable, Hashable, Sendable {
        /// Where, absolute in the container (a relative one counts from `/`).
        public var destination: String
        /// The file system's type, as in /proc/filesystems; `bind` or none for a bind mount.
        public var type: String?
        /// The device, directory or name that is mounted.
        public var source: String?
        /// Options as in fstab(5), propagation and id-mapping options among them.
        public var options: [String]?
        /// How user ids of the source appear in the mount.
        public var uidMappings: [Linux.IDMapping]?
        /// How group ids of the source appear in the mount.
        public var gidMappings: [Linux.IDMapping]?

        /// Makes one from its parts; what is left out is absent.
        public init(
            destination: String, type: String? = nil, source: String? = nil, options: [String]? = nil,
            uidMappings: [Linux.IDMapping]? = nil, gidMappings: [Linux.IDMapping]? = nil
        ) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
            self.uidMappings = uidMappings
            self.gidMappings = gidMappings
        }
    }
}
