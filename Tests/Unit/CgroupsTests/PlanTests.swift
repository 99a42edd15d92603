import Faults
import OCISpec
import Testing

@testable import Cgroups

@Suite struct PlanTests {
    typealias Resources = RuntimeSpec.Linux.Resources

    static let v1 = ResourcePlan(version: { _ in .v1 }, hasUnified: false)
    static let v2 = ResourcePlan(version: { $0.hasPrefix("net") ? nil : .v2 }, hasUnified: true)
    static let none = ResourcePlan(version: { _ in nil }, hasUnified: false)

    /// Steps as lines that can be read.
    static func lines(_ plan: ResourcePlan, _ resources: Resources) throws -> [String] {
        try plan.steps(for: resources).map(line)
    }

    static func line(_ step: CgroupStep) -> String {
        let text = { (write: CgroupWrite) in "\(write.file)=\(write.value)" }
        return switch step {
        case .write(let write): text(write)
        case .anyOrder(let writes): writes.map(text).joined(separator: " <> ")
        case .firstExisting(let writes): writes.map(text).joined(separator: " | ")
        case .ifExists(let write): "\(text(write))?"
        case .lines(_, let file, let values): "\(file)=[\(values.joined(separator: "; "))]"
        }
    }

    @Test(
        "memory",
        arguments: [
            (Resources.Memory(limit: 100), ["memory.limit_in_bytes=100"], ["memory.max=100"]),
            (
                Resources.Memory(limit: 100, reservation: 50, swap: 300), ["memory.limit_in_bytes=100 <> memory.memsw.limit_in_bytes=300", "memory.soft_limit_in_bytes=50"],
                ["memory.swap.max=200", "memory.max=100", "memory.low=50"]
            ),
            (Resources.Memory(limit: 100, swap: 100), ["memory.limit_in_bytes=100 <> memory.memsw.limit_in_bytes=100"], ["memory.swap.max=0?", "memory.max=100"]),
            (
                Resources.Memory(limit: 100, swap: -1), ["memory.memsw.limit_in_bytes=-1?", "memory.limit_in_bytes=100"],
                ["memory.swap.max=max?", "memory.max=100"]
            ),
            (Resources.Memory(limit: -1), ["memory.memsw.limit_in_bytes=-1?", "memory.limit_in_bytes=-1"], ["memory.swap.max=max?", "memory.max=max"]),
            (Resources.Memory(kernel: 5, disableOOMKiller: false, useHierarchy: true), [], []),
        ])
    func memory(_ memory: Resources.Memory, _ legacy: [String], _ unified: [String]) throws {
        #expect(try Self.lines(Self.v1, Resources(memory: memory)) == legacy)
        #expect(try Self.lines(Self.v2, Resources(memory: memory)) == unified)
    }

    @Test(
        "processor",
        arguments: [
            (Resources.CPU(shares: 1_024), ["cpu.shares=1024"], ["cpu.weight=100"]),
            (
                Resources.CPU(quota: 50_000, burst: 10, period: 100_000), ["cpu.cfs_period_us=100000 <> cpu.cfs_quota_us=50000 <> cpu.cfs_burst_us=10"],
                ["cpu.max=50000 100000 <> cpu.max.burst=10"]
            ),
            (Resources.CPU(quota: -1), ["cpu.cfs_quota_us=-1"], ["cpu.max=max"]),
            (Resources.CPU(period: 5_000), ["cpu.cfs_period_us=5000"], ["cpu.max=max 5000"]),
            (Resources.CPU(shares: 0, quota: 0, period: 0), [], []),
            (Resources.CPU(cpus: "0-1", mems: "0"), ["cpuset.cpus=0-1", "cpuset.mems=0"], ["cpuset.cpus=0-1", "cpuset.mems=0"]),
            (Resources.CPU(shares: 2, idle: 1), ["cpu.idle=1"], ["cpu.idle=1"]),
        ])
    func cpu(_ cpu: Resources.CPU, _ legacy: [String], _ unified: [String]) throws {
        #expect(try Self.lines(Self.v1, Resources(cpu: cpu)) == legacy)
        #expect(try Self.lines(Self.v2, Resources(cpu: cpu)) == unified)
    }

    @Test("shares become weights: both ends, the normal value, and never less for more")
    func weights() {
        #expect(UnifiedPlan.weight(shares: 2) == 1 && UnifiedPlan.weight(shares: 1_024) == 100 && UnifiedPlan.weight(shares: 262_144) == 10_000)
        let weights = stride(from: UInt64(2), through: 262_144, by: 97).map(UnifiedPlan.weight(shares:))
        #expect(zip(weights, weights.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(weights.allSatisfy { (1...10_000).contains($0) })
    }

    @Test("block devices")
    func blockIO() throws {
        let blockIO = Resources.BlockIO(
            weight: 500, weightDevice: [.init(major: 8, minor: 0, weight: 10)], throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 7)],
            throttleWriteIOPSDevice: [.init(major: 8, minor: 16, rate: 0)])
        #expect(
            try Self.lines(Self.v1, Resources(blockIO: blockIO)) == [
                "blkio.weight=500 | blkio.bfq.weight=500", "blkio.weight_device=8:0 10 | blkio.bfq.weight_device=8:0 10",
                "blkio.throttle.read_bps_device=[8:0 7]", "blkio.throttle.write_iops_device=[8:16 0]",
            ])
        #expect(
            try Self.lines(Self.v2, Resources(blockIO: blockIO)) == [
                "io.bfq.weight=500 | io.weight=default 4950", "io.bfq.weight=8:0 10 | io.weight=8:0 1", "io.max=[8:0 rbps=7; 8:16 wiops=max]",
            ])
    }

    @Test("processes, huge pages, network, RDMA")
    func others() throws {
        #expect(try Self.lines(Self.v1, Resources(pids: .init(limit: -1))) == ["pids.max=max"])
        #expect(try Self.lines(Self.v2, Resources(pids: .init(limit: 0))) == ["pids.max=0"])
        let pages = Resources(hugepageLimits: [.init(pageSize: "2MB", limit: 9)])
        #expect(try Self.lines(Self.v1, pages) == ["hugetlb.2MB.limit_in_bytes=9", "hugetlb.2MB.rsvd.limit_in_bytes=9?"])
        #expect(try Self.lines(Self.v2, pages) == ["hugetlb.2MB.max=9", "hugetlb.2MB.rsvd.max=9?"])
        let network = Resources(network: .init(classID: 7, priorities: [.init(name: "eth0", priority: 3)]))
        #expect(try Self.lines(Self.v1, network) == ["net_cls.classid=7", "net_prio.ifpriomap=[eth0 3]"])
        #expect(try Self.lines(Self.v2, Resources(rdma: ["mlx": .init(hcaHandles: 1, hcaObjects: 2)])) == ["rdma.max=mlx hca_handle=1 hca_object=2"])
    }

    @Test("files of v2 are written as they are, in the order of their names, line by line")
    func unified() throws {
        let resources = Resources(unified: ["pids.max": "5", "io.max": "8:0 rbps=1\n8:16 rbps=2", "cgroup.max.depth": "3"])
        #expect(try Self.lines(Self.v2, resources) == ["cgroup.max.depth=[3]", "io.max=[8:0 rbps=1; 8:16 rbps=2]", "pids.max=[5]"])
    }

    @Test(
        "what cannot be done is refused, with what it is for",
        arguments: [
            (v2, Resources(memory: .init(swappiness: 1)), FaultKind.unsupported), (v2, Resources(memory: .init(disableOOMKiller: true)), .unsupported),
            (v2, Resources(cpu: .init(realtimeRuntime: 1)), .unsupported), (v2, Resources(memory: .init(swap: 5)), .invalidArgument),
            (v2, Resources(network: .init(classID: 1)), .unsupported), (v2, Resources(blockIO: .init(leafWeight: 10)), .unsupported),
            (v1, Resources(unified: ["pids.max": "1"]), .unsupported), (v2, Resources(unified: ["../pids.max": "1"]), .invalidArgument),
            (v2, Resources(unified: ["cgroup.procs": "1"]), .invalidArgument), (v2, Resources(unified: ["nodot": "1"]), .invalidArgument),
            (v2, Resources(unified: ["net_cls.x": "1"]), .unsupported), (v1, Resources(memory: .init(limit: 10, swap: 5)), .invalidArgument),
            (v1, Resources(memory: .init(limit: -2)), .invalidArgument), (v1, Resources(cpu: .init(quota: 5, burst: 6)), .invalidArgument),
            (v1, Resources(cpu: .init(idle: 2)), .invalidArgument), (v1, Resources(blockIO: .init(weight: 5)), .invalidArgument),
            (v1, Resources(blockIO: .init(leafWeight: 1_001)), .invalidArgument),
            (v1, Resources(blockIO: .init(weightDevice: [.init(major: 1, minor: 1, weight: 9)])), .invalidArgument),
            (v1, Resources(hugepageLimits: [.init(pageSize: "2", limit: 1)]), .invalidArgument),
            (v1, Resources(hugepageLimits: [.init(pageSize: "02MB", limit: 1)]), .invalidArgument),
            (v1, Resources(hugepageLimits: [.init(pageSize: "MB2", limit: 1)]), .invalidArgument),
            (v1, Resources(blockIO: .init(weightDevice: [.init(major: 1, minor: 1)])), .invalidArgument),
            (v1, Resources(hugepageLimits: [.init(pageSize: "../x", limit: 1)]), .invalidArgument), (v1, Resources(rdma: ["a": .init()]), .invalidArgument),
            (none, Resources(memory: .init(limit: 1)), .unsupported), (none, Resources(pids: .init(limit: 1)), .unsupported),
        ] as [(ResourcePlan, Resources, FaultKind)])
    func refused(_ plan: ResourcePlan, _ resources: Resources, _ kind: FaultKind) {
        #expect { try plan.steps(for: resources) } throws: { ($0 as? Fault)?.kind == kind }
    }

    @Test("a controller that is missing does not matter when nothing is asked of it")
    func missing() throws {
        let resources = Resources(memory: .init(disableOOMKiller: false), cpu: .init(), blockIO: .init(weight: 0), unified: [:])
        #expect(try Self.none.steps(for: resources).isEmpty)
    }

    @Test("on a hybrid machine each limit goes where its controller is")
    func hybrid() throws {
        let plan = ResourcePlan(version: { $0 == "hugetlb" ? .v2 : .v1 }, hasUnified: true)
        let resources = Resources(memory: .init(limit: 1), hugepageLimits: [.init(pageSize: "1GB", limit: 2)], unified: ["hugetlb.1GB.max": "3"])
        #expect(try Self.lines(plan, resources) == ["memory.limit_in_bytes=1", "hugetlb.1GB.max=2", "hugetlb.1GB.rsvd.max=2?", "hugetlb.1GB.max=[3]"])
    }
}
