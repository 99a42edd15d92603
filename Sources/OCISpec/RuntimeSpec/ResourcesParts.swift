// The controllers' limits. Bytes, microseconds and counts are the kernel's; -1 is no limit.

extension RuntimeSpec.Linux.Resources {
    /// One rule about devices.
    public struct DeviceRule: Codable, Hashable, Sendable {
        /// Whether it allows or denies.
        public var allow: Bool
        /// `c`, `b`, or `a` for all; all where absent.
        public var type: String?
        /// The major number; any where absent or negative.
        public var major: Int64?
        /// The minor number; any where absent or negative.
        public var minor: Int64?
        /// Letters of `rwm`: read, write, mknod; all where absent.
        public var access: String?

        /// Makes one from its parts; what is left out is absent.
        public init(allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil) {
            self.allow = allow
            self.type = type
            self.major = major
            self.minor = minor
            self.access = access
        }
    }

    /// The memory controller.
    public struct Memory: Codable, Hashable, Sendable {
        /// Bytes of memory.
        public var limit: Int64?
        /// Bytes below which memory is not taken away.
        public var reservation: Int64?
        /// Bytes of memory and swap together.
        public var swap: Int64?
        /// Bytes of kernel memory; kernels since 5.x ignore it.
        public var kernel: Int64?
        /// Bytes of TCP buffers (v1).
        public var kernelTCP: Int64?
        /// 0 to 100, how eagerly pages are swapped (v1).
        public var swappiness: UInt64?
        /// Whether a process over the limit waits instead of being killed (v1).
        public var disableOOMKiller: Bool?
        /// Whether children are accounted to their parents (v1).
        public var useHierarchy: Bool?
        /// Whether a limit below the current use is refused.
        public var checkBeforeUpdate: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(
            limit: Int64? = nil, reservation: Int64? = nil, swap: Int64? = nil, kernel: Int64? = nil, kernelTCP: Int64? = nil,
            swappiness: UInt64? = nil, disableOOMKiller: Bool? = nil, useHierarchy: Bool? = nil, checkBeforeUpdate: Bool? = nil
        ) {
            self.limit = limit
            self.reservation = reservation
            self.swap = swap
            self.kernel = kernel
            self.kernelTCP = kernelTCP
            self.swappiness = swappiness
            self.disableOOMKiller = disableOOMKiller
            self.useHierarchy = useHierarchy
            self.checkBeforeUpdate = checkBeforeUpdate
        }
    }

    /// The cpu and cpuset controllers.
    public struct CPU: Codable, Hashable, Sendable {
        /// The weight against siblings, 2 to 262144.
        public var shares: UInt64?
        /// Microseconds of time in each period.
        public var quota: Int64?
        /// Microseconds that unused quota may gather.
        public var burst: UInt64?
        /// Microseconds of the period.
        public var period: UInt64?
        /// Microseconds of realtime in each realtime period (v1).
        public var realtimeRuntime: Int64?
        /// Microseconds of the realtime period (v1).
        public var realtimePeriod: UInt64?
        /// Processors, as a list like `0-3,7`.
        public var cpus: String?
        /// Memory nodes, as a list.
        public var mems: String?
        /// 1 for time that nobody else wants.
        public var idle: Int64?

        /// Makes one from its parts; what is left out is absent.
        public init(
            shares: UInt64? = nil, quota: Int64? = nil, burst: UInt64? = nil, period: UInt64? = nil,
            realtimeRuntime: Int64? = nil, realtimePeriod: UInt64? = nil, cpus: String? = nil, mems: String? = nil,
            idle: Int64? = nil
        ) {
            self.shares = shares
            self.quota = quota
            self.burst = burst
            self.period = period
            self.realtimeRuntime = realtimeRuntime
            self.realtimePeriod = realtimePeriod
            self.cpus = cpus
            self.mems = mems
            self.idle = idle
        }
    }

    /// The pids controller.
    public struct Pids: Codable, Hashable, Sendable {
        /// The most processes and threads; -1 is no limit.
        public var limit: Int64

        /// Makes one from its parts; what is left out is absent.
        public init(limit: Int64) {
            self.limit = limit
        }
    }

    /// The blkio (io) controller.
    public struct BlockIO: Codable, Hashable, Sendable {
        /// The weight against siblings, 10 to 1000.
        public var weight: UInt16?
        /// The weight against the cgroup's own children (v1).
        public var leafWeight: UInt16?
        /// Weights for single devices.
        public var weightDevice: [WeightDevice]?
        /// Bytes read in a second.
        public var throttleReadBpsDevice: [ThrottleDevice]?
        /// Bytes written in a second.
        public var throttleWriteBpsDevice: [ThrottleDevice]?
        /// Reads in a second.
        public var throttleReadIOPSDevice: [ThrottleDevice]?
        /// Writes in a second.
        public var throttleWriteIOPSDevice: [ThrottleDevice]?

        /// Makes one from its parts; what is left out is absent.
        public init(
            weight: UInt16? = nil, leafWeight: UInt16? = nil, weightDevice: [WeightDevice]? = nil,
            throttleReadBpsDevice: [ThrottleDevice]? = nil, throttleWriteBpsDevice: [ThrottleDevice]? = nil,
            throttleReadIOPSDevice: [ThrottleDevice]? = nil, throttleWriteIOPSDevice: [ThrottleDevice]? = nil
        ) {
            self.weight = weight
            self.leafWeight = leafWeight
            self.weightDevice = weightDevice
            self.throttleReadBpsDevice = throttleReadBpsDevice
            self.throttleWriteBpsDevice = throttleWriteBpsDevice
            self.throttleReadIOPSDevice = throttleReadIOPSDevice
            self.throttleWriteIOPSDevice = throttleWriteIOPSDevice
        }
    }

    /// A weight for one block device.
    public struct WeightDevice: Codable, Hashable, Sendable {
        /// The device's major number.
        public var major: Int64
        /// The device's minor number.
        public var minor: Int64
        /// The weight, 10 to 1000.
        public var weight: UInt16?
        /// The weight against the cgroup's own children (v1).
        public var leafWeight: UInt16?

        /// Makes one from its parts; what is left out is absent.
        public init(major: Int64, minor: Int64, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
            self.major = major
            self.minor = minor
            self.weight = weight
            self.leafWeight = leafWeight
        }
    }

    /// A rate for one block device.
    public struct ThrottleDevice: Codable, Hashable, Sendable {
        /// The device's major number.
        public var major: Int64
        /// The device's minor number.
        public var minor: Int64
        /// The rate in a second.
        public var rate: UInt64?

        /// Makes one from its parts; what is left out is absent.
        public init(major: Int64, minor: Int64, rate: UInt64? = nil) {
            self.major = major
            self.minor = minor
            self.rate = rate
        }
    }

    /// A limit of huge pages of one size.
    public struct HugepageLimit: Codable, Hashable, Sendable {
        /// The size, as in the kernel's file names: `2MB`, `1GB`.
        public var pageSize: String
        /// Bytes.
        public var limit: UInt64

        /// Makes one from its parts; what is left out is absent.
        public init(pageSize: String, limit: UInt64) {
            self.pageSize = pageSize
            self.limit = limit
        }
    }

    /// The net_cls and net_prio controllers.
    public struct Network: Codable, Hashable, Sendable {
        /// The class identifier of packets.
        public var classID: UInt32?
        /// Priorities by interface.
        public var priorities: [InterfacePriority]?

        /// Makes one from its parts; what is left out is absent.
        public init(classID: UInt32? = nil, priorities: [InterfacePriority]? = nil) {
            self.classID = classID
            self.priorities = priorities
        }
    }

    /// The priority of traffic through one interface.
    public struct InterfacePriority: Codable, Hashable, Sendable {
        /// The interface.
        public var name: String
        /// The priority.
        public var priority: UInt32

        /// Makes one from its parts; what is left out is absent.
        public init(name: String, priority: UInt32) {
            self.name = name
            self.priority = priority
        }
    }

    /// Limits of one RDMA device.
    public struct Rdma: Codable, Hashable, Sendable {
        /// The most handles.
        public var hcaHandles: UInt32?
        /// The most objects.
        public var hcaObjects: UInt32?

        /// Makes one from its parts; what is left out is absent.
        public init(hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
            self.hcaHandles = hcaHandles
            self.hcaObjects = hcaObjects
        }
    }
}
