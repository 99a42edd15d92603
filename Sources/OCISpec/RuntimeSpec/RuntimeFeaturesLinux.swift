// The Linux part of the features document.

extension RuntimeFeatures {
    /// What it implements of Linux.
    public struct Linux: Codable, Hashable, Sendable {
        /// The kinds of namespaces.
        public var namespaces: [RuntimeSpec.Linux.NamespaceKind]?
        /// The capabilities it knows by name.
        public var capabilities: [String]?
        /// The cgroup managers.
        public var cgroup: Cgroup?
        /// What its filters can do.
        public var seccomp: Seccomp?
        /// AppArmor profiles.
        public var apparmor: Switch?
        /// SELinux labels.
        public var selinux: Switch?
        /// Cache and bandwidth allocation.
        public var intelRdt: IntelRdt?
        /// NUMA policies.
        public var memoryPolicy: MemoryPolicy?
        /// Kinds of mounts beyond mount(8).
        public var mountExtensions: MountExtensions?
        /// Network devices that move in.
        public var netDevices: Switch?

        /// Makes one from its parts; what is left out is absent.
        public init(
            namespaces: [RuntimeSpec.Linux.NamespaceKind]? = nil, capabilities: [String]? = nil, cgroup: Cgroup? = nil,
            seccomp: Seccomp? = nil, apparmor: Switch? = nil, selinux: Switch? = nil, intelRdt: IntelRdt? = nil,
            memoryPolicy: MemoryPolicy? = nil, mountExtensions: MountExtensions? = nil, netDevices: Switch? = nil
        ) {
            self.namespaces = namespaces
            self.capabilities = capabilities
            self.cgroup = cgroup
            self.seccomp = seccomp
            self.apparmor = apparmor
            self.selinux = selinux
            self.intelRdt = intelRdt
            self.memoryPolicy = memoryPolicy
            self.mountExtensions = mountExtensions
            self.netDevices = netDevices
        }
    }

    /// The cgroup managers it has.
    public struct Cgroup: Codable, Hashable, Sendable {
        /// cgroup v1.
        public var v1: Bool?
        /// cgroup v2.
        public var v2: Bool?
        /// Through systemd.
        public var systemd: Bool?
        /// Through a user's systemd.
        public var systemdUser: Bool?
        /// The RDMA controller.
        public var rdma: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(v1: Bool? = nil, v2: Bool? = nil, systemd: Bool? = nil, systemdUser: Bool? = nil, rdma: Bool? = nil) {
            self.v1 = v1
            self.v2 = v2
            self.systemd = systemd
            self.systemdUser = systemdUser
            self.rdma = rdma
        }
    }

    /// What its filters can do.
    public struct Seccomp: Codable, Hashable, Sendable {
        /// Whether there are filters.
        public var enabled: Bool?
        /// The actions.
        public var actions: [RuntimeSpec.Linux.SeccompAction]?
        /// The comparisons.
        public var operators: [RuntimeSpec.Linux.SeccompOperator]?
        /// The architectures.
        public var archs: [RuntimeSpec.Linux.SeccompArchitecture]?
        /// The flags it knows by name.
        public var knownFlags: [RuntimeSpec.Linux.SeccompFlag]?
        /// The flags it can set here.
        public var supportedFlags: [RuntimeSpec.Linux.SeccompFlag]?

        /// Makes one from its parts; what is left out is absent.
        public init(
            enabled: Bool? = nil, actions: [RuntimeSpec.Linux.SeccompAction]? = nil,
            operators: [RuntimeSpec.Linux.SeccompOperator]? = nil, archs: [RuntimeSpec.Linux.SeccompArchitecture]? = nil,
            knownFlags: [RuntimeSpec.Linux.SeccompFlag]? = nil, supportedFlags: [RuntimeSpec.Linux.SeccompFlag]? = nil
        ) {
            self.enabled = enabled
            self.actions = actions
            self.operators = operators
            self.archs = archs
            self.knownFlags = knownFlags
            self.supportedFlags = supportedFlags
        }
    }

    /// Whether one thing is implemented.
    public struct Switch: Codable, Hashable, Sendable {
        /// Whether it is.
        public var enabled: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(enabled: Bool? = nil) {
            self.enabled = enabled
        }
    }

    /// What it implements of resctrl.
    public struct IntelRdt: Codable, Hashable, Sendable {
        /// Whether there are classes.
        public var enabled: Bool?
        /// Whether `linux.intelRdt.schemata` is.
        public var schemata: Bool?
        /// Whether `linux.intelRdt.enableMonitoring` is.
        public var monitoring: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(enabled: Bool? = nil, schemata: Bool? = nil, monitoring: Bool? = nil) {
            self.enabled = enabled
            self.schemata = schemata
            self.monitoring = monitoring
        }
    }

    /// What it implements of set_mempolicy(2).
    public struct MemoryPolicy: Codable, Hashable, Sendable {
        /// The modes.
        public var modes: [RuntimeSpec.Linux.MemoryPolicyMode]?
        /// The flags.
        public var flags: [RuntimeSpec.Linux.MemoryPolicyFlag]?

        /// Makes one from its parts; what is left out is absent.
        public init(modes: [RuntimeSpec.Linux.MemoryPolicyMode]? = nil, flags: [RuntimeSpec.Linux.MemoryPolicyFlag]? = nil) {
            self.modes = modes
            self.flags = flags
        }
    }

    /// Kinds of mounts beyond mount(8).
    public struct MountExtensions: Codable, Hashable, Sendable {
        /// Id-mapped mounts.
        public var idmap: Switch?

        /// Makes one from its parts; what is left out is absent.
        public init(idmap: Switch? = nil) {
            self.idmap = idmap
        }
    }
}
