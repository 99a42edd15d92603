// ResourceRules owns which limits are accepted, in docker's words, and how they are written for
// the runtime.
import CLinux
import EngineAPI
import Faults
import Linux
import OCISpec

/// Judges and translates limits.
enum ResourceRules {
    /// Judges limits and returns warnings.
    static func check(_ host: HostConfig, _ facts: HostFacts) throws(Fault) -> [String] {
        let warnings = try checkMemory(host, facts)
        try checkProcessor(host, facts)
        try checkBlockIO(host)
        for rule in host.deviceCgroupRules ?? [] { _ = try deviceRule(rule) }
        return warnings
    }

    private static func refuse(_ wrong: Bool, _ text: @autoclosure () -> String) throws(Fault) {
        if wrong { throw Fault(.invalidArgument, text()) }
    }

    private static func checkMemory(_ host: HostConfig, _ facts: HostFacts) throws(Fault) -> [String] {
        try refuse(host.memory != 0 && host.memory < HostRules.memoryMin, "Minimum memory limit allowed is 6MB")
        try refuse(
            host.memory > 0 && host.memorySwap > 0 && host.memorySwap < host.memory,
            "Minimum memoryswap limit should be larger than memory limit, see usage")
        try refuse(
            host.memory == 0 && host.memorySwap > 0, "You should always set the Memory limit when using Memoryswap limit, see usage")
        try refuse(host.memorySwap < -1, "invalid memoryswap limit: \(host.memorySwap)")
        if let swappiness = host.memorySwappiness {
            try refuse(!(0...100).contains(swappiness), "Invalid value: \(swappiness), valid memory swappiness range is 0-100")
            if facts.cgroupV2 { throw Fault(.unsupported, "HostConfig.MemorySwappiness: cgroup v2 has no swappiness of a group") }
        }
        try refuse(
            host.memoryReservation != 0 && host.memoryReservation < HostRules.memoryMin, "Minimum memory reservation allowed is 6MB")
        try refuse(
            host.memory > 0 && host.memoryReservation > 0 && host.memory < host.memoryReservation,
            "Minimum memory limit can not be less than memory reservation limit, see usage")
        guard host.oomKillDisable == true else { return [] }
        if facts.cgroupV2 { return ["Your kernel does not support OomKillDisable. OomKillDisable discarded."] }
        if host.memory == 0 {
            return [
                "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
            ]
        }
        return []
    }

    private static func checkProcessor(_ host: HostConfig, _ facts: HostFacts) throws(Fault) {
        try refuse(host.nanoCpus > 0 && host.cpuPeriod > 0, "Conflicting options: Nano CPUs and CPU Period cannot both be set")
        try refuse(host.nanoCpus > 0 && host.cpuQuota > 0, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
        try refuse(
            host.nanoCpus != 0 && (host.nanoCpus < 10_000_000 || host.nanoCpus > Int64(facts.cpus.count) * 1_000_000_000),
            "Range of CPUs is from 0.01 to \(facts.cpus.count).00, as there are only \(facts.cpus.count) CPUs available")
        try refuse(host.cpuShares < 0, "invalid CPU shares (\(host.cpuShares)): value must be a positive integer")
        try refuse(
            host.cpuPeriod != 0 && !(1_000...1_000_000).contains(host.cpuPeriod),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        try refuse(host.cpuQuota > 0 && host.cpuQuota < 1_000, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
        try refuse(
            host.cpuRealtimeRuntime != 0 && host.cpuRealtimePeriod != 0 && host.cpuRealtimeRuntime > host.cpuRealtimePeriod,
            "cpu real-time runtime cannot be higher than cpu real-time period")
        try checkSet(host.cpusetCpus, "CPUs", "cpus", facts.cpus)
        try checkSet(host.cpusetMems, "memory nodes", "mems", facts.memoryNodes)
        try refuse(host.pidsLimit ?? 0 < -1, "invalid pids limit: \(host.pidsLimit ?? 0)")
    }

    private static func checkSet(_ text: String, _ plural: String, _ file: String, _ available: Set<Int>) throws(Fault) {
        guard !text.isEmpty else { return }
        guard let wanted = NumberList.parse(text) else { throw Fault(.invalidArgument, "Invalid value \(text) for cpuset \(file)") }
        guard wanted.isSubset(of: available) else {
            let list = available.sorted().map(String.init).joined(separator: ",")
            throw Fault(.invalidArgument, "Requested \(plural) are not available - requested \(text), available: \(list)")
        }
    }

    private static func checkBlockIO(_ host: HostConfig) throws(Fault) {
        try refuse(
            host.blkioWeight != 0 && !(10...1000).contains(host.blkioWeight), "Range of blkio weight is from 10 to 1000")
        for device in host.blkioWeightDevice ?? [] {
            try refuse(!(10...1000).contains(device.weight), "Range of blkio weight is from 10 to 1000: \(device.path)")
        }
    }

    private static let limits: Set<String> = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
        "sigpending", "stack",
    ]

    /// Judges ulimits.
    static func checkUlimits(_ ulimits: [Ulimit]) throws(Fault) {
        var seen: Set<String> = []
        for ulimit in ulimits {
            try refuse(!limits.contains(ulimit.name), "invalid ulimit type: \(ulimit.name)")
            try refuse(!seen.insert(ulimit.name).inserted, "ulimit \(ulimit.name) is given twice")
            try refuse(
                ulimit.hard != -1 && (ulimit.soft == -1 || ulimit.soft > ulimit.hard),
                "ulimit soft limit must be less than or equal to hard limit: \(ulimit.soft) > \(ulimit.hard)")
        }
    }

    private static let kernelSysctls: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ]

    /// Judges sysctls: only those that a namespace of the container's own holds.
    static func checkSysctls(_ sysctls: [String: String], _ host: HostConfig) throws(Fault) {
        for (name, value) in sysctls {
            let plain = name.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x41 && $0 <= 0x5A) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D || $0 == 0x2F }
            let ipc = kernelSysctls.contains(name) || name.hasPrefix("fs.mqueue.")
            let network = name.hasPrefix("net.")
            try refuse(!plain || name.contains("..") || !(ipc || network), "sysctl '\(name)' is not allowed: it is no setting of a container's own namespaces")
            try refuse(value.utf8.contains { $0 < 0x20 && $0 != 9 }, "the value of sysctl '\(name)' cannot hold control characters")
            try refuse(network && host.networkMode == "host", "sysctl '\(name)' is not allowed with host network mode")
            try refuse(ipc && host.ipcMode == "host", "sysctl '\(name)' is not allowed with host ipc mode")
        }
    }

    // MARK: - Translation

    /// The limits for the runtime.
    static func resources(_ host: HostConfig, devices: [RuntimeSpec.Linux.Resources.DeviceRule], facts: HostFacts) throws(Fault) -> RuntimeSpec.Linux.Resources {
        var resources = RuntimeSpec.Linux.Resources(devices: devices)
        if host.memory > 0 || host.memoryReservation > 0 || host.memorySwap != 0 || host.memorySwappiness != nil || host.oomKillDisable == true {
            resources.memory = RuntimeSpec.Linux.Resources.Memory(
                limit: host.memory > 0 ? host.memory : nil, reservation: host.memoryReservation > 0 ? host.memoryReservation : nil,
                swap: host.memorySwap != 0 ? host.memorySwap : nil, swappiness: host.memorySwappiness.map { UInt64($0) },
                disableOOMKiller: host.oomKillDisable == true && !facts.cgroupV2 ? true : nil)
        }
        resources.cpu = processor(host)
        if let limit = host.pidsLimit, limit != 0 { resources.pids = RuntimeSpec.Linux.Resources.Pids(limit: limit) }
        resources.blockIO = try blockIO(host)
        return resources
    }

    private static func processor(_ host: HostConfig) -> RuntimeSpec.Linux.Resources.CPU? {
        var cpu = RuntimeSpec.Linux.Resources.CPU()
        if host.cpuShares > 0 { cpu.shares = UInt64(host.cpuShares) }
        if host.nanoCpus > 0 {
            cpu.period = 100_000
            cpu.quota = host.nanoCpus / 10_000
        }
        if host.cpuPeriod > 0 { cpu.period = UInt64(host.cpuPeriod) }
        if host.cpuQuota != 0 { cpu.quota = host.cpuQuota }
        if host.cpuRealtimePeriod > 0 { cpu.realtimePeriod = UInt64(host.cpuRealtimePeriod) }
        if host.cpuRealtimeRuntime > 0 { cpu.realtimeRuntime = host.cpuRealtimeRuntime }
        if !host.cpusetCpus.isEmpty { cpu.cpus = host.cpusetCpus }
        if !host.cpusetMems.isEmpty { cpu.mems = host.cpusetMems }
        return cpu == RuntimeSpec.Linux.Resources.CPU() ? nil : cpu
    }

    private static func blockIO(_ host: HostConfig) throws(Fault) -> RuntimeSpec.Linux.Resources.BlockIO? {
        var io = RuntimeSpec.Linux.Resources.BlockIO()
        if host.blkioWeight > 0 { io.weight = UInt16(host.blkioWeight) }
        var weights: [RuntimeSpec.Linux.Resources.WeightDevice] = []
        for device in host.blkioWeightDevice ?? [] {
            let (major, minor) = try blockDevice(device.path)
            weights.append(RuntimeSpec.Linux.Resources.WeightDevice(major: major, minor: minor, weight: UInt16(device.weight)))
        }
        io.weightDevice = weights.isEmpty ? nil : weights
        io.throttleReadBpsDevice = try throttles(host.blkioDeviceReadBps)
        io.throttleWriteBpsDevice = try throttles(host.blkioDeviceWriteBps)
        io.throttleReadIOPSDevice = try throttles(host.blkioDeviceReadIOps)
        io.throttleWriteIOPSDevice = try throttles(host.blkioDeviceWriteIOps)
        return io == RuntimeSpec.Linux.Resources.BlockIO() ? nil : io
    }

    private static func throttles(_ devices: [ThrottleDevice]?) throws(Fault) -> [RuntimeSpec.Linux.Resources.ThrottleDevice]? {
        var result: [RuntimeSpec.Linux.Resources.ThrottleDevice] = []
        for device in devices ?? [] {
            let (major, minor) = try blockDevice(device.path)
            result.append(RuntimeSpec.Linux.Resources.ThrottleDevice(major: major, minor: minor, rate: device.rate))
        }
        return result.isEmpty ? nil : result
    }

    private static func blockDevice(_ path: String) throws(Fault) -> (Int64, Int64) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Fault(Errno.current, .invalidArgument, "look at block device \(path)") }
        guard CInt(bitPattern: status.st_mode) & S_IFMT == S_IFBLK else { throw Fault(.invalidArgument, "\(path) is not a block device") }
        return (Int64(cais_major(UInt64(status.st_rdev))), Int64(cais_minor(UInt64(status.st_rdev))))
    }

    /// Rlimits of processes.
    static func rlimits(_ ulimits: [Ulimit]) -> [RuntimeSpec.Rlimit] {
        ulimits.map {
            RuntimeSpec.Rlimit(
                type: "RLIMIT_" + $0.name.uppercased(), soft: UInt64(bitPattern: $0.soft), hard: UInt64(bitPattern: $0.hard))
        }
    }

    /// Reads `c 1:3 rwm`.
    static func deviceRule(_ text: String) throws(Fault) -> RuntimeSpec.Linux.Resources.DeviceRule {
        let invalid = Fault(.invalidArgument, "invalid device cgroup rule format: '\(text)'")
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, ["a", "b", "c"].contains(parts[0]), isAccess(String(parts[2])) else { throw invalid }
        let numbers = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard numbers.count == 2, numbers.allSatisfy({ $0 == "*" || UInt32($0) != nil }) else { throw invalid }
        return RuntimeSpec.Linux.Resources.DeviceRule(
            allow: true, type: String(parts[0]), major: numbers[0] == "*" ? -1 : Int64(numbers[0]),
            minor: numbers[1] == "*" ? -1 : Int64(numbers[1]), access: String(parts[2]))
    }

    /// Whether text is one to three of `r`, `w` and `m`.
    static func isAccess(_ text: String) -> Bool {
        (1...3).contains(text.count) && text.allSatisfy { "rwm".contains($0) } && Set(text).count == text.count
    }
}
