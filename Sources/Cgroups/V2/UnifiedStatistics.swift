import Linux

/// What is used, from the files of cgroup v2.
enum UnifiedStatistics {
    static func add(_ directory: CgroupDirectory, to statistics: inout CgroupStatistics) throws(Errno) {
        let controllers = directory.place.controllers
        if controllers.contains("memory") {
            let events = try directory.readTable("memory.events")
            statistics.memory = try memory(directory, limitHits: events["max"] ?? 0)
            statistics.oomKills = events["oom_kill"]
        }
        // Beside a v1 hierarchy this one has a cpu.stat too, without a controller; v1's counts.
        if controllers.contains("cpu") { statistics.cpu = try cpu(directory) }
        if controllers.contains("pids") {
            statistics.pids = .init(current: try directory.readNumber("pids.current") ?? 0, limit: try directory.readNumber("pids.max"))
        }
        if controllers.contains("io") {
            statistics.blockIO = try blockIO(directory)
            statistics.blockIOPressure = try pressure(directory, "io.pressure")
        }
        if controllers.contains("cpuset"), directory.has("cpuset.cpus.effective") {
            statistics.sets = .init(
                processors: NumberList.numbers(try directory.read("cpuset.cpus.effective")), nodes: NumberList.numbers(try directory.read("cpuset.mems.effective")),
                switches: [:])
        }
        if controllers.contains("hugetlb") {
            for size in HugePageSizes.all { statistics.hugePages[size] = try hugePages(directory, size) }
        }
    }

    private static func memory(_ directory: CgroupDirectory, limitHits: UInt64) throws(Errno) -> CgroupStatistics.Memory {
        let usage = try directory.readNumber("memory.current") ?? 0
        let limit = try directory.readNumber("memory.max")
        let swap = try directory.readNumber("memory.swap.current")
        let swapLimit = try directory.readNumber("memory.swap.max")
        // As v1 counts: memory and swap together.
        let both = swap.map { swap in
            CgroupStatistics.Counter(
                usage: usage + swap, limit: limit.flatMap { limit in swapLimit.map { limit + $0 } }, limitHits: 0)
        }
        return .init(
            usageBytes: usage, peakBytes: try directory.readNumber("memory.peak"), limitBytes: limit, swapBytes: swap, limitHits: limitHits,
            details: try directory.readTable("memory.stat"), withSwap: both, pressure: try pressure(directory, "memory.pressure"))
    }

    private static func hugePages(_ directory: CgroupDirectory, _ size: String) throws(Errno) -> CgroupStatistics.Counter? {
        guard let usage = try directory.readNumber("hugetlb.\(size).current") else { return nil }
        let events = try directory.readTable("hugetlb.\(size).events")
        return .init(usage: usage, limit: try directory.readNumber("hugetlb.\(size).max"), limitHits: events["max"] ?? 0)
    }

    /// Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and `full …`; nil where the kernel does not keep them.
    private static func pressure(_ directory: CgroupDirectory, _ file: String) throws(Errno) -> CgroupStatistics.Pressure? {
        let text: String
        do { text = try directory.read(file) } catch where error == .noEntry || error == .notSupported { return nil }
        var pressure = CgroupStatistics.Pressure()
        for line in text.split(separator: "\n") {
            var share = CgroupStatistics.Pressure.Share()
            for word in line.split(separator: " ") {
                let parts = word.split(separator: "=")
                guard parts.count == 2 else { continue }
                switch parts[0] {
                case "avg10": share.average10 = Double(parts[1]) ?? 0
                case "avg60": share.average60 = Double(parts[1]) ?? 0
                case "avg300": share.average300 = Double(parts[1]) ?? 0
                case "total": share.totalMicroseconds = UInt64(parts[1]) ?? 0
                case _: break
                }
            }
            if line.hasPrefix("some") { pressure.some = share } else { pressure.full = share }
        }
        return pressure
    }

    private static func cpu(_ directory: CgroupDirectory) throws(Errno) -> CgroupStatistics.CPU {
        let table = try directory.readTable("cpu.stat")
        let nanoseconds = { (name: String) in (table[name] ?? 0) * 1_000 }
        return .init(
            usageNanoseconds: nanoseconds("usage_usec"), userNanoseconds: nanoseconds("user_usec"), systemNanoseconds: nanoseconds("system_usec"),
            perProcessorNanoseconds: [], periods: table["nr_periods"] ?? 0, throttledPeriods: table["nr_throttled"] ?? 0,
            throttledNanoseconds: nanoseconds("throttled_usec"), pressure: try pressure(directory, "cpu.pressure"))
    }

    /// Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`.
    private static func blockIO(_ directory: CgroupDirectory) throws(Errno) -> [CgroupStatistics.BlockIO] {
        guard directory.has("io.stat") else { return [] }
        var devices: [CgroupStatistics.BlockIO] = []
        for line in try directory.read("io.stat", limit: 1 << 20).split(separator: "\n") {
            let words = line.split(separator: " ")
            let numbers = words.first?.split(separator: ":").compactMap { UInt32($0) } ?? []
            guard numbers.count == 2 else { continue }
            var device = CgroupStatistics.BlockIO(major: numbers[0], minor: numbers[1])
            for word in words.dropFirst() {
                let parts = word.split(separator: "=")
                guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
                switch parts[0] {
                case "rbytes": device.readBytes = value
                case "wbytes": device.writeBytes = value
                case "rios": device.reads = value
                case "wios": device.writes = value
                case _: break
                }
            }
            devices.append(device)
        }
        return devices
    }
}
