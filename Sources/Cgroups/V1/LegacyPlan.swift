import OCISpec

/// Limits as files of cgroup v1.
enum LegacyPlan {
    typealias Resources = RuntimeSpec.Linux.Resources

    static func memory(_ memory: Resources.Memory) -> [CgroupStep] {
        var steps: [CgroupStep] = []
        let limit = memory.limit.map { CgroupWrite("memory", "memory.limit_in_bytes", $0) }
        // Without a limit there can be none on memory and swap together either.
        let swapBytes = memory.swap ?? (memory.limit == -1 ? -1 : nil)
        let swap = swapBytes.flatMap { $0 == 0 ? nil : CgroupWrite("memory", "memory.memsw.limit_in_bytes", $0) }
        switch (limit, swap) {
        // A kernel that does not account swap has nothing to lift.
        case (let limit?, _) where swapBytes == -1:
            steps += [.ifExists(CgroupWrite("memory", "memory.memsw.limit_in_bytes", -1)), .write(limit)]
        case (let limit?, let swap?): steps.append(.anyOrder([limit, swap]))
        case (let limit?, nil): steps.append(.write(limit))
        case (nil, let swap?): steps.append(swapBytes == -1 ? .ifExists(swap) : .write(swap))
        case (nil, nil): break
        }
        if let bytes = memory.reservation { steps.append(.write(CgroupWrite("memory", "memory.soft_limit_in_bytes", bytes))) }
        // `kernel` is ignored: since 5.16 no kernel has a limit of its own for that.
        if let bytes = memory.kernelTCP { steps.append(.write(CgroupWrite("memory", "memory.kmem.tcp.limit_in_bytes", bytes))) }
        if let swappiness = memory.swappiness { steps.append(.write(CgroupWrite("memory", "memory.swappiness", swappiness))) }
        if memory.disableOOMKiller == true { steps.append(.write(CgroupWrite("memory", "memory.oom_control", 1))) }
        // `useHierarchy` is ignored: since 5.11 it is always on.
        return steps
    }

    static func cpu(_ cpu: Resources.CPU) -> [CgroupStep] {
        var steps: [CgroupStep] = []
        if let idle = cpu.idle { steps.append(.write(CgroupWrite("cpu", "cpu.idle", idle))) }
        // An idle cgroup has no weight, and the kernel refuses one.
        if let shares = cpu.shares, shares != 0, cpu.idle != 1 { steps.append(.write(CgroupWrite("cpu", "cpu.shares", shares))) }
        let period = cpu.period.flatMap { $0 == 0 ? nil : CgroupWrite("cpu", "cpu.cfs_period_us", $0) }
        let quota = cpu.quota.flatMap { $0 == 0 ? nil : CgroupWrite("cpu", "cpu.cfs_quota_us", $0) }
        steps += together([period, quota, cpu.burst.map { CgroupWrite("cpu", "cpu.cfs_burst_us", $0) }])
        let realtimePeriod = cpu.realtimePeriod.flatMap { $0 == 0 ? nil : CgroupWrite("cpu", "cpu.rt_period_us", $0) }
        let realtimeRuntime = cpu.realtimeRuntime.flatMap { $0 == 0 ? nil : CgroupWrite("cpu", "cpu.rt_runtime_us", $0) }
        return steps + together([realtimePeriod, realtimeRuntime])
    }

    static func pids(_ pids: Resources.Pids) -> [CgroupStep] {
        [.write(CgroupWrite("pids", "pids.max", pids.limit < 0 ? "max" : String(pids.limit)))]
    }

    static func blockIO(_ blockIO: Resources.BlockIO) -> [CgroupStep] {
        var steps: [CgroupStep] = []
        // Kernels before 5.0 have the first file (CFQ), later ones the second (BFQ), if any.
        let either = { (name: String, value: String) in
            CgroupStep.firstExisting([CgroupWrite("blkio", "blkio.\(name)", value), CgroupWrite("blkio", "blkio.bfq.\(name)", value)])
        }
        if let weight = blockIO.weight, weight != 0 { steps.append(either("weight", String(weight))) }
        if let weight = blockIO.leafWeight, weight != 0 { steps.append(.write(CgroupWrite("blkio", "blkio.leaf_weight", weight))) }
        for device in blockIO.weightDevice ?? [] {
            let name = "\(device.major):\(device.minor)"
            if let weight = device.weight { steps.append(either("weight_device", "\(name) \(weight)")) }
            if let weight = device.leafWeight { steps.append(.write(CgroupWrite("blkio", "blkio.leaf_weight_device", "\(name) \(weight)"))) }
        }
        let throttles = [
            ("read_bps_device", blockIO.throttleReadBpsDevice), ("write_bps_device", blockIO.throttleWriteBpsDevice),
            ("read_iops_device", blockIO.throttleReadIOPSDevice), ("write_iops_device", blockIO.throttleWriteIOPSDevice),
        ]
        for (file, devices) in throttles {
            let values = (devices ?? []).map { "\($0.major):\($0.minor) \($0.rate ?? 0)" }
            if !values.isEmpty { steps.append(.lines(controller: "blkio", file: "blkio.throttle.\(file)", values: values)) }
        }
        return steps
    }

    static func hugetlb(_ limit: Resources.HugepageLimit) -> [CgroupStep] {
        [
            .write(CgroupWrite("hugetlb", "hugetlb.\(limit.pageSize).limit_in_bytes", limit.limit)),
            // Since 5.7: without it reserving by mmap(2) goes past the limit.
            .ifExists(CgroupWrite("hugetlb", "hugetlb.\(limit.pageSize).rsvd.limit_in_bytes", limit.limit)),
        ]
    }

    /// Devices: everything is taken away, or given, and then the exceptions.
    static func devices(_ policy: DevicePolicy) -> [CgroupStep] {
        let (all, exceptions) = policy.allowsByDefault ? ("devices.allow", "devices.deny") : ("devices.deny", "devices.allow")
        return [
            .write(CgroupWrite("devices", all, "a")),
            .lines(controller: "devices", file: exceptions, values: policy.exceptions.map(\.description)),
        ]
    }

    /// The same for a running container: what stays allowed is allowed at every moment.
    static func devices(_ policy: DevicePolicy, from old: DevicePolicy) -> [CgroupStep] {
        guard policy.allowsByDefault == old.allowsByDefault else { return devices(policy) }
        let (add, remove) = policy.allowsByDefault ? ("devices.deny", "devices.allow") : ("devices.allow", "devices.deny")
        return [
            .lines(controller: "devices", file: add, values: policy.exceptions.map(\.description)),
            .lines(controller: "devices", file: remove, values: old.exceptions(beyond: policy).map(\.description)),
        ]
    }

    private static func together(_ writes: [CgroupWrite?]) -> [CgroupStep] {
        let writes = writes.compactMap { $0 }
        return writes.count < 2 ? writes.map(CgroupStep.write) : [.anyOrder(writes)]
    }
}
