// Resources: the limits of a container's cgroup, as they are written in config.json.

extension RuntimeSpec.Linux {
    /// The limits of a cgroup, by controller.
    public struct Resources: Codable, Hashable, Sendable {
        /// Which devices may be used; later rules win.
        public var devices: [DeviceRule]?
        /// Memory and swap.
        public var memory: Memory?
        /// Processor time and processors.
        public var cpu: CPU?
        /// The number of processes.
        public var pids: Pids?
        /// Block devices.
        public var blockIO: BlockIO?
        /// Huge pages, by their size.
        public var hugepageLimits: [HugepageLimit]?
        /// Marks on the traffic (cgroup v1).
        public var network: Network?
        /// RDMA, by device.
        public var rdma: [String: Rdma]?
        /// Files of cgroup v2 and what is written into them.
        public var unified: [String: String]?

        /// Makes one from its parts; what is left out is absent.
        public init(
            devices: [DeviceRule]? = nil, memory: Memory? = nil, cpu: CPU? = nil, pids: Pids? = nil, blockIO: BlockIO? = nil,
            hugepageLimits: [HugepageLimit]? = nil, network: Network? = nil, rdma: [String: Rdma]? = nil,
            unified: [String: String]? = nil
        ) {
            self.devices = devices
            self.memory = memory
            self.cpu = cpu
            self.pids = pids
            self.blockIO = blockIO
            self.hugepageLimits = hugepageLimits
            self.network = network
            self.rdma = rdma
            self.unified = unified
        }
    }
}
