import Faults
import Glibc
import OCISpec

/// Limits as files of cgroup v2. A setting that only v1 has is refused, not forgotten.
enum UnifiedPlan {
    typealias Resources = RuntimeSpec.Linux.Resources

    static func memory(_ memory: Resources.Memory) throws(Fault) -> [CgroupStep] {
        if memory.swappiness != nil { throw onlyV1("swappiness") }
        if memory.disableOOMKiller == true { throw onlyV1("disableOOMKiller") }
        if memory.kernelTCP != nil { throw onlyV1("kernelTCP") }
        var steps: [CgroupStep] = []
        if let bytes = try swapBytes(memory) {
            let write = CgroupWrite("memory", "memory.swap.max", amount(bytes))
            // A kernel that does not account swap has nothing to lift, and no swap to keep from.
            steps.append(bytes <= 0 ? .ifExists(write) : .write(write))
        }
        if let bytes = memory.limit, bytes != 0 { steps.append(.write(CgroupWrite("memory", "memory.max", amount(bytes)))) }
        if let bytes = memory.reservation { steps.append(.write(CgroupWrite("memory", "memory.low", amount(bytes)))) }
        return steps
    }

    /// v1 counts memory and swap together, v2 swap alone.
    private static func swapBytes(_ memory: Resources.Memory) throws(Fault) -> Int64? {
        guard let swap = memory.swap, swap != 0 else { return memory.limit == -1 ? -1 : nil }
        if swap == -1 { return -1 }
        guard let limit = memory.limit, limit > 0 else {
            throw Fault(.invalidArgument, "a limit of memory and swap together needs a limit of memory")
        }
        return swap - limit
    }

    static func cpu(_ cpu: Resources.CPU) throws(Fault) -> [CgroupStep] {
        if let runtime = cpu.realtimeRuntime, runtime != 0 { throw onlyV1("realtimeRuntime") }
        if let period = cpu.realtimePeriod, period != 0 { throw onlyV1("realtimePeriod") }
        var steps: [CgroupStep] = []
        if let idle = cpu.idle { steps.append(.write(CgroupWrite("cpu", "cpu.idle", idle))) }
        // An idle cgroup has no weight, and the kernel refuses one.
        if let shares = cpu.shares, shares != 0, cpu.idle != 1 { steps.append(.write(CgroupWrite("cpu", "cpu.weight", weight(shares: shares)))) }
        var bandwidth: [CgroupWrite] = []
        let quota = cpu.quota ?? 0
        let period = cpu.period ?? 0
        if quota != 0 || period != 0 {
            let word = quota > 0 ? String(quota) : "max"
            bandwidth.append(CgroupWrite("cpu", "cpu.max", period == 0 ? word : "\(word) \(period)"))
        }
        if let burst = cpu.burst { bandwidth.append(CgroupWrite("cpu", "cpu.max.burst", burst)) }
        return steps + (bandwidth.count < 2 ? bandwidth.map(CgroupStep.write) : [.anyOrder(bandwidth)])
    }

    /// Shares (2 to 262144, normally 1024) as a weight (1 to 10000, normally 100). The curve is
    /// quadratic in the logarithms and goes through both ends and both normal values; a straight
    /// line would give a normal cgroup of v1 a weight of 39, less than half of its siblings'.
    static func weight(shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let bits = log2(Double(shares))
        let exponent: Double = (bits * bits + 125.0 * bits) / 612.0 - 7.0 / 34.0
        return UInt64(pow(10.0, exponent).rounded(.up))
    }

    static func pids(_ pids: Resources.Pids) -> [CgroupStep] {
        [.write(CgroupWrite("pids", "pids.max", pids.limit < 0 ? "max" : String(pids.limit)))]
    }

    static func blockIO(_ blockIO: Resources.BlockIO) throws(Fault) -> [CgroupStep] {
        if let weight = blockIO.leafWeight, weight != 0 { throw onlyV1("leafWeight") }
        var steps: [CgroupStep] = []
        if let weight = blockIO.weight, weight != 0 { steps.append(weightStep("default", weight)) }
        for device in blockIO.weightDevice ?? [] {
            if device.leafWeight != nil { throw onlyV1("leafWeight") }
            if let weight = device.weight { steps.append(weightStep("\(device.major):\(device.minor)", weight)) }
        }
        let throttles = [
            ("rbps", blockIO.throttleReadBpsDevice), ("wbps", blockIO.throttleWriteBpsDevice),
            ("riops", blockIO.throttleReadIOPSDevice), ("wiops", blockIO.throttleWriteIOPSDevice),
        ]
        var values: [String] = []
        for (name, devices) in throttles {
            // A rate of 0 lifts the limit, as in v1.
            values += (devices ?? []).map { "\($0.major):\($0.minor) \(name)=\(($0.rate ?? 0) == 0 ? "max" : String($0.rate ?? 0))" }
        }
        if !values.isEmpty { steps.append(.lines(controller: "io", file: "io.max", values: values)) }
        return steps
    }

    /// BFQ has its own file and v1's range; the general file has 1 to 10000.
    private static func weightStep(_ device: String, _ weight: UInt16) -> CgroupStep {
        let general = 1 + (max(UInt64(weight), 10) - 10) * 9_999 / 990
        return .firstExisting([
            CgroupWrite("io", "io.bfq.weight", device == "default" ? "\(weight)" : "\(device) \(weight)"),
            CgroupWrite("io", "io.weight", "\(device) \(general)"),
        ])
    }

    static func hugetlb(_ limit: Resources.HugepageLimit) -> [CgroupStep] {
        [
            .write(CgroupWrite("hugetlb", "hugetlb.\(limit.pageSize).max", limit.limit)),
            // Without it reserving by mmap(2) goes past the limit.
            .ifExists(CgroupWrite("hugetlb", "hugetlb.\(limit.pageSize).rsvd.max", limit.limit)),
        ]
    }

    private static func amount(_ bytes: Int64) -> String { bytes < 0 ? "max" : String(bytes) }

    private static func onlyV1(_ name: String) -> Fault {
        Fault(.unsupported, "\(name) exists only in cgroup v1, and this machine has v2")
    }
}
