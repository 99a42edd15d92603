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
        if controllers.contains("blkio") { statistics.blockIO = try blockIO(directory) }
    }

    private static func memory(_ directory: CgroupDirectory) throws(Errno) -> CgroupStatistics.Memory {
        let usage = try directory.readNumber("memory.usage_in_bytes") ?? 0
        let withSwap = try directory.readNumber("memory.memsw.usage_in_bytes")
        let limit = try directory.readNumber("memory.limit_in_bytes")
        // No limit is the largest number of whole pages.
        let none = UInt64(Int64.max) - 65_535
        return .init(
            usageBytes: usage, peakBytes: try directory.readNumber("memory.max_usage_in_bytes"),
            limitBytes: limit.flatMap { $0 >= none ? nil : $0 }, swapBytes: withSwap.map { $0 > usage ? $0 - usage : 0 },
            limitHits: try directory.readNumber("memory.failcnt") ?? 0, details: try directory.readTable("memory.stat"))
    }

    private static func addTime(_ directory: CgroupDirectory, to statistics: inout CgroupStatistics) throws(Errno) {
        // cpuacct.stat counts ticks; these count nanoseconds, and every kernel since 4.7 has them.
        var cpu = statistics.cpu ?? empty
        cpu.usageNanoseconds = try directory.readNumber("cpuacct.usage") ?? 0
        cpu.userNanoseconds = try directory.readNumber("cpuacct.usage_user") ?? 0
        cpu.systemNanoseconds = try directory.readNumber("cpuacct.usage_sys") ?? 0
        if directory.has("cpuacct.usage_percpu") {
            cpu.perProcessorNanoseconds = try directory.read("cpuacct.usage_percpu", limit: 1 << 20).split(separator: " ").compactMap { UInt64($0) }
        }
        statistics.cpu = cpu
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
