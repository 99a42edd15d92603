// StatisticsReport owns the document of a `stats` event, member by member as runc's readers expect
// it. Bytes and nanoseconds; a limit that is not there is the largest number.
import Cgroups

struct StatisticsReport: Encodable {
    let cpu: CPU
    let cpuset: Sets
    let memory: Memory
    let pids: Pids
    let blkio: BlockIO
    let hugetlb: [String: Counter]

    init(_ statistics: CgroupStatistics) {
        cpu = CPU(statistics.cpu)
        cpuset = Sets(statistics.sets)
        memory = Memory(statistics.memory)
        pids = Pids(current: statistics.pids?.current ?? 0, limit: statistics.pids?.limit)
        blkio = BlockIO(statistics.blockIO, statistics.blockIOPressure)
        hugetlb = statistics.hugePages.mapValues { Counter($0) }
    }

    /// Something counted against a limit.
    struct Counter: Encodable {
        let limit: UInt64
        let usage: UInt64
        let max: UInt64?
        let failcnt: UInt64

        init(_ memory: CgroupStatistics.Memory) {
            limit = memory.limitBytes ?? UInt64.max
            usage = memory.usageBytes
            max = memory.peakBytes
            failcnt = memory.limitHits
        }

        init(_ counter: CgroupStatistics.Counter) {
            limit = counter.limit ?? UInt64.max
            usage = counter.usage
            max = counter.peak
            failcnt = counter.limitHits
        }
    }

    /// The kernel's pressure stall information.
    struct Pressure: Encodable {
        struct Share: Encodable {
            let avg10: Double
            let avg60: Double
            let avg300: Double
            let total: UInt64

            init(_ share: CgroupStatistics.Pressure.Share) {
                (avg10, avg60, avg300, total) = (share.average10, share.average60, share.average300, share.totalMicroseconds)
            }
        }
        let some: Share
        let full: Share

        init(_ pressure: CgroupStatistics.Pressure) { (some, full) = (Share(pressure.some), Share(pressure.full)) }
    }

    struct CPU: Encodable {
        struct Usage: Encodable {
            let total: UInt64
            let percpu: [UInt64]?
            let percpu_kernel: [UInt64]?
            let percpu_user: [UInt64]?
            let kernel: UInt64
            let user: UInt64
        }
        struct Throttling: Encodable {
            let periods: UInt64
            let throttledPeriods: UInt64
            let throttledTime: UInt64
        }
        let usage: Usage
        let throttling: Throttling
        let psi: Pressure?

        init(_ cpu: CgroupStatistics.CPU?) {
            let some = { (numbers: [UInt64]?) in (numbers ?? []).isEmpty ? nil : numbers }
            usage = Usage(
                total: cpu?.usageNanoseconds ?? 0, percpu: some(cpu?.perProcessorNanoseconds), percpu_kernel: some(cpu?.perProcessorSystemNanoseconds),
                percpu_user: some(cpu?.perProcessorUserNanoseconds), kernel: cpu?.systemNanoseconds ?? 0, user: cpu?.userNanoseconds ?? 0)
            throttling = Throttling(periods: cpu?.periods ?? 0, throttledPeriods: cpu?.throttledPeriods ?? 0, throttledTime: cpu?.throttledNanoseconds ?? 0)
            psi = cpu?.pressure.map(Pressure.init)
        }
    }

    struct Sets: Encodable {
        let cpus: [Int]?
        let cpu_exclusive: Int64
        let mems: [Int]?
        let mem_hardwall: Int64
        let mem_exclusive: Int64
        let memory_migrate: Int64
        let memory_spread_page: Int64
        let memory_spread_slab: Int64
        let memory_pressure: Int64
        let sched_load_balance: Int64
        let sched_relax_domain_level: Int64

        init(_ sets: CgroupStatistics.Sets?) {
            let value = { (name: String) in sets?.switches[name] ?? 0 }
            cpus = sets?.processors
            cpu_exclusive = value("cpu_exclusive")
            mems = sets?.nodes
            mem_hardwall = value("mem_hardwall")
            mem_exclusive = value("mem_exclusive")
            memory_migrate = value("memory_migrate")
            memory_spread_page = value("memory_spread_page")
            memory_spread_slab = value("memory_spread_slab")
            memory_pressure = value("memory_pressure")
            sched_load_balance = value("sched_load_balance")
            sched_relax_domain_level = value("sched_relax_domain_level")
        }
    }

    struct Memory: Encodable {
        let cache: UInt64
        let usage: Counter?
        let swap: Counter?
        let kernel: Counter?
        let kernelTCP: Counter?
        let raw: [String: UInt64]?
        let psi: Pressure?

        init(_ memory: CgroupStatistics.Memory?) {
            cache = memory?.cacheBytes ?? 0
            usage = memory.map { Counter($0) }
            swap = memory?.withSwap.map { Counter($0) }
            kernel = memory?.kernel.map { Counter($0) }
            kernelTCP = memory?.kernelTCP.map { Counter($0) }
            raw = memory?.details
            psi = memory?.pressure.map(Pressure.init)
        }
    }

    struct Pids: Encodable {
        let current: UInt64
        let limit: UInt64?
    }

    struct BlockIO: Encodable {
        struct Entry: Encodable {
            let major: UInt32
            let minor: UInt32
            let op: String
            let value: UInt64
        }
        let ioServiceBytesRecursive: [Entry]?
        let ioServicedRecursive: [Entry]?
        let psi: Pressure?

        init(_ devices: [CgroupStatistics.BlockIO], _ pressure: CgroupStatistics.Pressure?) {
            ioServiceBytesRecursive = Self.entries(devices) { ($0.readBytes, $0.writeBytes) }
            ioServicedRecursive = Self.entries(devices) { ($0.reads, $0.writes) }
            psi = pressure.map(Pressure.init)
        }

        private static func entries(
            _ devices: [CgroupStatistics.BlockIO], counts: (CgroupStatistics.BlockIO) -> (UInt64, UInt64)
        ) -> [Entry]? {
            if devices.isEmpty { return nil }
            return devices.flatMap { device -> [Entry] in
                let (reads, writes) = counts(device)
                return [
                    Entry(major: device.major, minor: device.minor, op: "Read", value: reads),
                    Entry(major: device.major, minor: device.minor, op: "Write", value: writes),
                ]
            }
        }
    }
}
