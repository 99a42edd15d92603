// The small parts of the Linux settings.

extension RuntimeSpec.Linux {
    /// A namespace to make, or to join by path.
    public struct Namespace: Codable, Hashable, Sendable {
        /// Which kind.
        public var type: NamespaceKind
        /// The file of the namespace to join, absolute; a new one is made where absent.
        public var path: String?

        /// Makes one from its parts; what is left out is absent.
        public init(type: NamespaceKind, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }

    /// A range of ids inside that stands for a range outside.
    public struct IDMapping: Codable, Hashable, Sendable {
        /// The first id inside.
        public var containerID: UInt32
        /// The first id outside.
        public var hostID: UInt32
        /// How many.
        public var size: UInt32

        /// Makes one from its parts; what is left out is absent.
        public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
            self.containerID = containerID
            self.hostID = hostID
            self.size = size
        }
    }

    /// A device node to make.
    public struct Device: Codable, Hashable, Sendable {
        /// What node.
        public var type: DeviceKind
        /// Where, absolute in the container.
        public var path: String
        /// The device's major number; none for a FIFO.
        public var major: Int64?
        /// The device's minor number; none for a FIFO.
        public var minor: Int64?
        /// The permission bits.
        public var fileMode: UInt32?
        /// The owner in the container.
        public var uid: UInt32?
        /// The group in the container.
        public var gid: UInt32?

        /// Makes one from its parts; what is left out is absent.
        public init(
            type: DeviceKind, path: String, major: Int64? = nil, minor: Int64? = nil, fileMode: UInt32? = nil,
            uid: UInt32? = nil, gid: UInt32? = nil
        ) {
            self.type = type
            self.path = path
            self.major = major
            self.minor = minor
            self.fileMode = fileMode
            self.uid = uid
            self.gid = gid
        }
    }

    /// How a network device of the host appears in the container.
    public struct NetDevice: Codable, Hashable, Sendable {
        /// Its name there; a trailing `%d` lets the kernel choose. Unchanged where absent.
        public var name: String?

        /// Makes one from its parts; what is left out is absent.
        public init(name: String? = nil) {
            self.name = name
        }
    }

    /// Offsets of the clocks of a time namespace.
    public struct TimeOffsets: Codable, Hashable, Sendable {
        /// Of CLOCK_BOOTTIME.
        public var boottime: TimeOffset?
        /// Of CLOCK_MONOTONIC.
        public var monotonic: TimeOffset?

        /// Makes one from its parts; what is left out is absent.
        public init(boottime: TimeOffset? = nil, monotonic: TimeOffset? = nil) {
            self.boottime = boottime
            self.monotonic = monotonic
        }
    }

    /// An offset of a clock.
    public struct TimeOffset: Codable, Hashable, Sendable {
        /// Seconds.
        public var secs: Int64?
        /// And nanoseconds.
        public var nanosecs: UInt32?

        /// Makes one from its parts; what is left out is absent.
        public init(secs: Int64? = nil, nanosecs: UInt32? = nil) {
            self.secs = secs
            self.nanosecs = nanosecs
        }
    }

    /// A resctrl group.
    public struct IntelRdt: Codable, Hashable, Sendable {
        /// The class of service's directory; `/` is the default class.
        public var closID: String?
        /// Lines of the schemata file.
        public var schemata: [String]?
        /// The L3 line of the schemata file.
        public var l3CacheSchema: String?
        /// The MB line of the schemata file.
        public var memBwSchema: String?
        /// Whether a monitoring group is made.
        public var enableMonitoring: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(
            closID: String? = nil, schemata: [String]? = nil, l3CacheSchema: String? = nil, memBwSchema: String? = nil,
            enableMonitoring: Bool? = nil
        ) {
            self.closID = closID
            self.schemata = schemata
            self.l3CacheSchema = l3CacheSchema
            self.memBwSchema = memBwSchema
            self.enableMonitoring = enableMonitoring
        }
    }

    /// Arguments of set_mempolicy(2).
    public struct MemoryPolicy: Codable, Hashable, Sendable {
        /// The mode.
        public var mode: MemoryPolicyMode?
        /// The nodes, as a list like `0-1,3`.
        public var nodes: String?
        /// Flags of the mode.
        public var flags: [MemoryPolicyFlag]?

        /// Makes one from its parts; what is left out is absent.
        public init(mode: MemoryPolicyMode? = nil, nodes: String? = nil, flags: [MemoryPolicyFlag]? = nil) {
            self.mode = mode
            self.nodes = nodes
            self.flags = flags
        }
    }

    /// Arguments of personality(2).
    public struct Personality: Codable, Hashable, Sendable {
        /// The execution domain.
        public var domain: PersonalityDomain?
        /// Flags; none are defined yet.
        public var flags: [String]?

        /// Makes one from its parts; what is left out is absent.
        public init(domain: PersonalityDomain? = nil, flags: [String]? = nil) {
            self.domain = domain
            self.flags = flags
        }
    }

    /// The kinds of namespaces(7).
    public enum NamespaceKind: String, Codable, Hashable, Sendable, CaseIterable {
        case mount, pid, network, uts, ipc, user, cgroup, time
    }

    /// The kinds of nodes of mknod(2), by the letter the specification uses.
    public enum DeviceKind: String, Codable, Hashable, Sendable, CaseIterable {
        /// A character device.
        case character = "c"
        /// A block device.
        case block = "b"
        /// A character device, by its older letter.
        case unbuffered = "u"
        /// A FIFO.
        case fifo = "p"
    }

    /// The modes of set_mempolicy(2), by the kernel's names.
    public enum MemoryPolicyMode: String, Codable, Hashable, Sendable, CaseIterable {
        case `default` = "MPOL_DEFAULT"
        case bind = "MPOL_BIND"
        case interleave = "MPOL_INTERLEAVE"
        case weightedInterleave = "MPOL_WEIGHTED_INTERLEAVE"
        case preferred = "MPOL_PREFERRED"
        case preferredMany = "MPOL_PREFERRED_MANY"
        case local = "MPOL_LOCAL"
    }

    /// The mode flags of set_mempolicy(2), by the kernel's names.
    public enum MemoryPolicyFlag: String, Codable, Hashable, Sendable, CaseIterable {
        case numaBalancing = "MPOL_F_NUMA_BALANCING"
        case relativeNodes = "MPOL_F_RELATIVE_NODES"
        case staticNodes = "MPOL_F_STATIC_NODES"
    }

    /// The execution domains of personality(2).
    public enum PersonalityDomain: String, Codable, Hashable, Sendable, CaseIterable {
        /// The machine's own.
        case linux = "LINUX"
        /// The 32-bit one, as uname(2) shows it.
        case linux32 = "LINUX32"
    }
}
