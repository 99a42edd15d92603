import CLinux
import Linux
import Testing

@testable import Cgroups

/// Statistics from files as kernels write them, in a directory that is no cgroup.
@Suite struct StatisticsTests {
    static func read(_ version: CgroupVersion, _ controllers: [String], _ files: [String: String]) throws -> CgroupStatistics {
        var template = Array("/tmp/cais-test-cgroup-XXXXXX".utf8CString)
        let root = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            for name in files.keys { unlink("\(root)/\(name)") }
            rmdir(root)
        }
        for (name, text) in files { try Files.open("\(root)/\(name)", flags: O_WRONLY | O_CREAT, mode: 0o600).writeAll(Array(text.utf8)) }
        let slash = try #require(root.lastIndex(of: "/"))
        let place = CgroupRecord.Place(
            version: version, controllers: controllers, mountPoint: String(root[..<slash]), path: String(root[root.index(after: slash)...]))
        var statistics = CgroupStatistics()
        switch version {
        case .v1: try LegacyStatistics.add(CgroupDirectory.open(place), to: &statistics)
        case .v2: try UnifiedStatistics.add(CgroupDirectory.open(place), to: &statistics)
        }
        return statistics
    }

    @Test("v1")
    func legacy() throws {
        let statistics = try Self.read(
            .v1, ["memory", "cpuacct", "cpu", "pids", "blkio"],
            [
                "memory.usage_in_bytes": "100\n", "memory.memsw.usage_in_bytes": "150\n", "memory.limit_in_bytes": "9223372036854771712\n",
                "memory.failcnt": "2\n", "memory.stat": "cache 5\nrss 6\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
                "cpuacct.usage": "1000\n", "cpuacct.usage_user": "600\n", "cpuacct.usage_sys": "400\n", "cpuacct.usage_percpu": "700 300 \n",
                "cpu.stat": "nr_periods 8\nnr_throttled 4\nthrottled_time 99\n", "pids.current": "3\n", "pids.max": "max\n",
                "blkio.throttle.io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n",
                "blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
            ])
        #expect(statistics.memory?.usageBytes == 100 && statistics.memory?.swapBytes == 50 && statistics.memory?.limitBytes == nil)
        #expect(statistics.memory?.limitHits == 2 && statistics.memory?.details == ["cache": 5, "rss": 6] && statistics.oomKills == 3)
        #expect(statistics.cpu?.usageNanoseconds == 1_000 && statistics.cpu?.perProcessorNanoseconds == [700, 300])
        #expect(statistics.cpu?.throttledPeriods == 4 && statistics.pids == .init(current: 3, limit: nil))
        #expect(statistics.blockIO == [.init(major: 8, minor: 0, readBytes: 10, writeBytes: 20, reads: 1, writes: 2)])
    }

    @Test("v2")
    func unified() throws {
        let statistics = try Self.read(
            .v2, ["memory", "cpu", "pids", "io"],
            [
                "memory.current": "100\n", "memory.max": "max\n", "memory.swap.current": "7\n", "memory.stat": "anon 5\n",
                "memory.events": "low 0\nmax 4\noom 1\noom_kill 2\n", "cpu.stat": "usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_throttled 1\n",
                "pids.current": "1\n", "pids.max": "9\n", "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
            ])
        #expect(statistics.memory?.usageBytes == 100 && statistics.memory?.limitBytes == nil && statistics.memory?.swapBytes == 7)
        #expect(statistics.memory?.limitHits == 4 && statistics.oomKills == 2 && statistics.memory?.peakBytes == nil)
        #expect(statistics.cpu?.usageNanoseconds == 10_000 && statistics.cpu?.throttledPeriods == 1)
        #expect(statistics.pids == .init(current: 1, limit: 9))
        #expect(statistics.blockIO == [.init(major: 8, minor: 0, readBytes: 1, writeBytes: 2, reads: 3, writes: 4)])
    }

    @Test("v1: sets of processors, memory with swap, the kernel's part, time by processor")
    func legacyDetails() throws {
        let statistics = try Self.read(
            .v1, ["memory", "cpuacct", "cpuset"],
            [
                "memory.usage_in_bytes": "100\n", "memory.memsw.usage_in_bytes": "150\n", "memory.memsw.limit_in_bytes": "300\n", "memory.memsw.failcnt": "4\n",
                "memory.kmem.usage_in_bytes": "9\n", "memory.stat": "cache 5\n", "cpuacct.usage_percpu_user": "1 2 \n", "cpuacct.usage_percpu_sys": "3 4 \n",
                "cpuset.cpus": "0-2,5\n", "cpuset.mems": "0\n", "cpuset.cpu_exclusive": "1\n", "cpuset.sched_relax_domain_level": "-1\n",
            ])
        #expect(statistics.memory?.withSwap == .init(usage: 150, limit: 300, limitHits: 4) && statistics.memory?.kernel?.usage == 9)
        #expect(statistics.memory?.kernelTCP == nil && statistics.memory?.cacheBytes == 5)
        #expect(statistics.cpu?.perProcessorUserNanoseconds == [1, 2] && statistics.cpu?.perProcessorSystemNanoseconds == [3, 4])
        #expect(statistics.sets == .init(processors: [0, 1, 2, 5], nodes: [0], switches: ["cpu_exclusive": 1, "sched_relax_domain_level": -1]))
    }

    @Test("v2: memory with swap as v1 counts it, pressure, effective sets")
    func unifiedDetails() throws {
        let statistics = try Self.read(
            .v2, ["memory", "cpu", "cpuset", "io"],
            [
                "memory.current": "100\n", "memory.max": "200\n", "memory.swap.current": "7\n", "memory.swap.max": "50\n", "memory.stat": "file 6\n",
                "memory.pressure": "some avg10=1.50 avg60=0.25 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
                "cpuset.cpus.effective": "0-1\n", "cpuset.mems.effective": "0\n",
            ])
        #expect(statistics.memory?.withSwap == .init(usage: 107, limit: 250, limitHits: 0) && statistics.memory?.cacheBytes == 6)
        #expect(statistics.memory?.pressure?.some == .init(average10: 1.5, average60: 0.25, average300: 0, totalMicroseconds: 42))
        #expect(statistics.memory?.pressure?.full.totalMicroseconds == 1 && statistics.cpu?.pressure == nil && statistics.blockIOPressure == nil)
        #expect(statistics.sets?.processors == [0, 1])
    }

    @Test("lists of numbers, and sizes of huge pages in the controller's words")
    func words() {
        #expect(NumberList.numbers("") == [] && NumberList.numbers("3") == [3] && NumberList.numbers("0-1,4-5,9") == [0, 1, 4, 5, 9])
        #expect(NumberList.numbers("5-2") == [] && NumberList.numbers("0-99999999") == [])
        #expect(HugePageSizes.words(kilobytes: 64) == "64KB" && HugePageSizes.words(kilobytes: 2_048) == "2MB" && HugePageSizes.words(kilobytes: 1 << 20) == "1GB")
    }

    @Test("a controller that is missing is missing in the statistics")
    func missing() throws {
        #expect(try Self.read(.v2, [], ["cpu.stat": "usage_usec 1\n"]) == CgroupStatistics())
    }
}
