// Linux: namespaces, id mappings, devices and the other settings that only Linux has. Resources
// and seccomp have files of their own.

extension RuntimeSpec {
    /// Everything only Linux has.
    public struct Linux: Codable, Hashable, Sendable {
        /// The namespaces that are made or joined; a kind that is missing is inherited.
        public var namespaces: [Namespace]?
        /// User ids of the user namespace.
        public var uidMappings: [IDMapping]?
        /// Group ids of the user namespace.
        public var gidMappings: [IDMapping]?
        /// Device nodes in addition to the default ones.
        public var devices: [Device]?
        /// Network devices of the host that move in, by their name there.
        public var netDevices: [String: NetDevice]?
        /// Clock offsets of the time namespace.
        public var timeOffsets: TimeOffsets?
        /// Where the cgroup is: absolute counts from the cgroup root, relative is the runtime's choice.
        public var cgroupsPath: String?
        /// The cgroup's limits.
        public var resources: Resources?
        /// The mount propagation of the root: shared, slave, private, unbindable (also with a leading r).
        public var rootfsPropagation: String?
        /// The system call filter.
        public var seccomp: Seccomp?
        /// Kernel parameters of the container's namespaces.
        public var sysctl: [String: String]?
        /// Paths that cannot be read in the container.
        public var maskedPaths: [String]?
        /// Paths that cannot be written in the container.
        public var readonlyPaths: [String]?
        /// The SELinux label of mounts.
        public var mountLabel: String?
        /// Cache and memory bandwidth allocation (resctrl).
        public var intelRdt: IntelRdt?
        /// The NUMA policy (set_mempolicy(2)).
        public var memoryPolicy: MemoryPolicy?
        /// The execution domain (personality(2)).
        public var personality: Personality?

        /// Makes one from its parts; what is left out is absent.
        public init(
            namespaces: [Namespace]? = nil, uidMappings: [IDMapping]? = nil, gidMappings: [IDMapping]? = nil,
            devices: [Device]? = nil, netDevices: [String: NetDevice]? = nil, timeOffsets: TimeOffsets? = nil,
            cgroupsPath: String? = nil, resources: Resources? = nil, rootfsPropagation: String? = nil, seccomp: Seccomp? = nil,
            sysctl: [String: String]? = nil, maskedPaths: [String]? = nil, readonlyPaths: [String]? = nil,
            mountLabel: String? = nil, intelRdt: IntelRdt? = nil, memoryPolicy: MemoryPolicy? = nil,
            personality: Personality? = nil
        ) {
            self.namespaces = namespaces
            self.uidMappings = uidMappings
            self.gidMappings = gidMappings
            self.devices = devices
            self.netDevices = netDevices
            self.timeOffsets = timeOffsets
            self.cgroupsPath = cgroupsPath
            self.resources = resources
            self.rootfsPropagation = rootfsPropagation
            self.seccomp = seccomp
            self.sysctl = sysctl
            self.maskedPaths = maskedPaths
            self.readonlyPaths = readonlyPaths
            self.mountLabel = mountLabel
            self.intelRdt = intelRdt
            self.memoryPolicy = memoryPolicy
            self.personality = personality
        }
    }
}
