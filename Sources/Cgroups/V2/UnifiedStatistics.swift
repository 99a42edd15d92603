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
        if controllers.contains("io") { statistics.blockIO = try blockIO(directory) }
    }

    private static func memory(_ directory: CgroupDirectory, limitHits: UInt64) throws(Errno) -> CgroupStatistics.Memory {
        .init(
            usageBytes: try directory.readNumber("memory.current") ?? 0, peakBytes: try directory.readNumber("memory.peak"),
            limitBytes: try directory.readNumber("memory.max"), swapBytes: try directory.readNumber("memory.swap.current"),
            limitHits: limitHits, details: try directory.readTable("memory.stat"))
    }

    private static func cpu(_ directory: CgroupDirectory) throws(Errno) -> CgroupStatistics.CPU {
        let table = try directory.readTable("cpu.stat")
        let nanoseconds = { (name: String) in (table[name] ?? 0) * 1_000 }
        return .init(
            usageNanoseconds: nanoseconds("usage_usec"), userNanoseconds: nanoseconds("user_usec"), systemNanoseconds: nanoseconds("system_usec"),
            perProcessorNanoseconds: [], periods: table["nr_periods"] ?? 0, throttledPeriods: table["nr_throttled"] ?? 0,
            throttledNanoseconds: nanoseconds("throttled_usec"))
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
