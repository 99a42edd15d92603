import Linux

/// What is used, from the files of cgroup v1.
enum LegacyStatistics {
    static func add(_ directory: CgroupDirectory, to statistics: inout CgroupStatistics) throws(Errno) {
        let controllers = directory.place.controllers
        if controllers.contains("memory") {
            statistics.memory = try memory(directory)
            statistics.oomKills = try directory.readTable("memory.oom_control")["oom_kill"]
        }
        if controllers.contains("cpuacct") { try addTime(directory, to: &statistics) }
        if controllers.contains("cpu") { try addThrottling(directory, to: &statistics) }
        if controllers.contains("pids") {
            statistics.pids = .init(current: try directory.readNumber("pids.current") ?? 0, limit: try directory.readNumber("pids.max"))
        }
        if controllers.contains("cpuset") { statistics.sets = try sets(directory) }
        if controllers.contains("hugetlb") {
            for size in HugePageSizes.all {
                statistics.hugePages[size] = try counter(directory, "hugetlb.\(size)")
            }
        }
        if controllers.contains("blkio") { statistics.blockIO = try blockIO(directory) }
    }

    private static func memory(_ directory: CgroupDirectory) throws(Errno) -> CgroupStatistics.Memory {
        let memory = try counter(directory, "memory") ?? .init(usage: 0, limitHits: 0)
        let both = try counter(directory, "memory.memsw")
        return .init(
            usageBytes: memory.usage, peakBytes: memory.peak, limitBytes: memory.limit,
            swapBytes: both.map { $0.usage > memory.usage ? $0.usage - memory.usage : 0 }, limitHits: memory.limitHits,
            details: try directory.readTable("memory.stat"), withSwap: both, kernel: try counter(directory, "memory.kmem"),
            kernelTCP: try counter(directory, "memory.kmem.tcp"))
    }

    /// The four files of one counter; nil where the kernel has not got it.
    private static func counter(_ directory: CgroupDirectory, _ name: String) throws(Errno) -> CgroupStatistics.Counter? {
        guard let usage = try directory.readNumber("\(name).usage_in_bytes") else { return nil }
        let limit = try directory.readNumber("\(name).limit_in_bytes")
        // No limit is the largest number of whole pages.
        let none = UInt64(Int64.max) - 65_535
        return .init(
            usage: usage, peak: try directory.readNumber("\(name).max_usage_in_bytes"), limit: limit.flatMap { $0 >= none ? nil : $0 },
            limitHits: try directory.readNumber("\(name).failcnt") ?? 0)
    }

    private static func sets(_ directory: CgroupDirectory) throws(Errno) -> CgroupStatistics.Sets {
        var switches: [String: Int64] = [:]
        let names = [
            "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab", "memory_pressure",
            "sched_load_balance", "sched_relax_domain_level",
        ]
        for name in names where directory.has("cpuset.\(name)") { switches[name] = Int64(try directory.read("cpuset.\(name)")) }
        return .init(
            processors: NumberList.numbers(try directory.read("cpuset.cpus")), nodes: NumberList.numbers(try directory.read("cpuset.mems")), switches: switches)
    }

    private static func addTime(_ directory: CgroupDirectory, to statistics: inout CgroupStatistics) throws(Errno) {
        // cpuacct.stat counts ticks; these count nanoseconds, and every kernel since 4.7 has them.
        var cpu = statistics.cpu ?? empty
        cpu.usageNanoseconds = try directory.readNumber("cpuacct.usage") ?? 0
        cpu.userNanoseconds = try directory.readNumber("cpuacct.usage_user") ?? 0
        cpu.systemNanoseconds = try directory.readNumber("cpuacct.usage_sys") ?? 0
        cpu.perProcessorNanoseconds = try numbers(directory, "cpuacct.usage_percpu")
        cpu.perProcessorUserNanoseconds = try numbers(directory, "cpuacct.usage_percpu_user")
        cpu.perProcessorSystemNanoseconds = try numbers(directory, "cpuacct.usage_percpu_sys")
        statistics.cpu = cpu
    }

    private static func numbers(_ directory: CgroupDirectory, _ file: String) throws(Errno) -> [UInt64] {
        guard directory.has(file) else { return [] }
        return try directory.read(file, limit: 1 << 20).split(separator: " ").compactMap { UInt64($0) }
    }

    private static func addThrottling(_ directory: CgroupDirectory, to statistics: inout CgroupStatistics) throws(Errno) {
        let table = try directory.readTable("cpu.stat")
        var cpu = statistics.cpu ?? empty
        cpu.periods = table["nr_periods"] ?? 0
        cpu.throttledPeriods = table["nr_throttled"] ?? 0
        cpu.throttledNanoseconds = table["throttled_time"] ?? 0
        statistics.cpu = cpu
    }

    private static var empty: CgroupStatistics.CPU {
        .init(
            usageNanoseconds: 0, userNanoseconds: 0, systemNanoseconds: 0, perProcessorNanoseconds: [], periods: 0, throttledPeriods: 0,
            throttledNanoseconds: 0)
    }

    private static func blockIO(_ directory: CgroupDirectory) throws(Errno) -> [CgroupStatistics.BlockIO] {
        var devices: [CgroupStatistics.BlockIO] = []
        for (file, isBytes) in [("blkio.throttle.io_service_bytes_recursive", true), ("blkio.throttle.io_serviced_recursive", false)] where directory.has(file) {
            // Lines `8:0 Read 4096`, and totals that are left out.
            for line in try directory.read(file, limit: 1 << 20).split(separator: "\n") {
                let words = line.split { $0 == " " || $0 == ":" }
                guard words.count == 4, let major = UInt32(words[0]), let minor = UInt32(words[1]), let value = UInt64(words[3]) else { continue }
                let at = devices.firstIndex { $0.major == major && $0.minor == minor } ?? devices.count
                if at == devices.count { devices.append(.init(major: major, minor: minor)) }
                switch (words[2], isBytes) {
                case ("Read", true): devices[at].readBytes = value
                case ("Write", true): devices[at].writeBytes = value
                case ("Read", false): devices[at].reads = value
                case ("Write", false): devices[at].writes = value
                case _: break
                }
            }
        }
        return devices
    }
}
