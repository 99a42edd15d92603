import Faults
import OCISpec
import Testing

@testable import Cgroups

@Suite struct UpdateTests {
    typealias Resources = RuntimeSpec.Linux.Resources

    static func written(_ given: Resources, over current: Resources = .init()) -> Resources { ResourceUpdate(given, over: current).written }
    static func merged(_ given: Resources, over current: Resources = .init()) -> Resources { ResourceUpdate(given, over: current).merged }

    @Test("memory and swap are written together, each with the other as it was")
    func memory() {
        let current = Resources(memory: .init(limit: 64, swap: 128))
        #expect(Self.written(.init(memory: .init(limit: 96)), over: current).memory == .init(limit: 96, swap: 128))
        #expect(Self.written(.init(memory: .init(swap: 256)), over: current).memory == .init(limit: 64, swap: 256))
        #expect(Self.written(.init(memory: .init(reservation: 8)), over: current).memory == .init(reservation: 8))
        #expect(Self.merged(.init(memory: .init(reservation: 8)), over: current).memory == .init(limit: 64, reservation: 8, swap: 128))
    }

    @Test("no limit of memory is no limit of both together, unless one is given")
    func unlimited() {
        let current = Resources(memory: .init(limit: 64, swap: 128))
        #expect(Self.written(.init(memory: .init(limit: -1)), over: current).memory == .init(limit: -1, swap: -1))
        #expect(Self.written(.init(memory: .init(limit: -1, swap: 256)), over: current).memory == .init(limit: -1, swap: 256))
    }

    @Test("quota and period, and the realtime pair, are written together; the burst only when given")
    func bandwidth() {
        let current = Resources(cpu: .init(quota: 50, burst: 9, period: 100, realtimeRuntime: 5, realtimePeriod: 6))
        #expect(Self.written(.init(cpu: .init(quota: 20)), over: current).cpu == .init(quota: 20, period: 100))
        #expect(Self.written(.init(cpu: .init(period: 70)), over: current).cpu == .init(quota: 50, period: 70))
        #expect(Self.written(.init(cpu: .init(realtimeRuntime: 4)), over: current).cpu == .init(realtimeRuntime: 4, realtimePeriod: 6))
        #expect(Self.written(.init(cpu: .init(burst: 0)), over: current).cpu == .init(burst: 0))
    }

    @Test("a cgroup that stops being idle gets its shares again")
    func idle() {
        let current = Resources(cpu: .init(shares: 512, idle: 1))
        #expect(Self.written(.init(cpu: .init(idle: 0)), over: current).cpu == .init(shares: 512, idle: 0))
        #expect(Self.written(.init(cpu: .init(shares: 9)), over: current).cpu == .init(shares: 9, idle: 1))
    }

    @Test("zero and empty lists say nothing, but for a burst and being idle")
    func zeroes() {
        let given = Resources(
            memory: .init(limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: 0),
            cpu: .init(shares: 0, quota: 0, burst: 0, period: 0, realtimeRuntime: 0, realtimePeriod: 0, cpus: "", mems: "", idle: 0), pids: .init(limit: 0),
            blockIO: .init(weight: 0, leafWeight: 0))
        let current = Resources(memory: .init(limit: 64), cpu: .init(quota: 5, cpus: "0"), pids: .init(limit: 7), blockIO: .init(weight: 10))
        let update = ResourceUpdate(given, over: current)
        #expect(update.merged == .init(memory: .init(limit: 64), cpu: .init(quota: 5, burst: 0, cpus: "0", idle: 0), pids: .init(limit: 7), blockIO: .init(weight: 10)))
        #expect(update.written == .init(memory: .init(), cpu: .init(burst: 0, idle: 0), blockIO: .init()))
    }

    @Test("devices, page sizes, interfaces, RDMA devices and files are merged by their names")
    func named() {
        let current = Resources(
            blockIO: .init(weightDevice: [.init(major: 8, minor: 0, weight: 10)], throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 1), .init(major: 8, minor: 16, rate: 2)]),
            hugepageLimits: [.init(pageSize: "2MB", limit: 1), .init(pageSize: "1GB", limit: 2)], network: .init(classID: 1, priorities: [.init(name: "a", priority: 1)]),
            rdma: ["m": .init(hcaHandles: 1, hcaObjects: 2)], unified: ["pids.max": "1", "io.max": "x"])
        let merged = Self.merged(
            .init(
                blockIO: .init(throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 9)]), hugepageLimits: [.init(pageSize: "2MB", limit: 5)],
                network: .init(priorities: [.init(name: "b", priority: 2)]), rdma: ["m": .init(hcaObjects: 7), "n": .init(hcaHandles: 3)], unified: ["pids.max": "2"]),
            over: current)
        #expect(merged.blockIO?.throttleReadBpsDevice == [.init(major: 8, minor: 16, rate: 2), .init(major: 8, minor: 0, rate: 9)])
        #expect(merged.blockIO?.weightDevice == current.blockIO?.weightDevice)
        #expect(merged.hugepageLimits == [.init(pageSize: "1GB", limit: 2), .init(pageSize: "2MB", limit: 5)])
        #expect(merged.network == .init(classID: 1, priorities: [.init(name: "a", priority: 1), .init(name: "b", priority: 2)]))
        #expect(merged.rdma == ["m": .init(hcaHandles: 1, hcaObjects: 7), "n": .init(hcaHandles: 3)])
        #expect(merged.unified == ["pids.max": "2", "io.max": "x"])
    }

    @Test("what contradicts a limit of before is refused")
    func contradictions() {
        let current = Resources(memory: .init(limit: 64, swap: 128), cpu: .init(quota: 50, burst: 40))
        for given in [Resources(memory: .init(limit: 256)), .init(memory: .init(swap: 32)), .init(cpu: .init(quota: 10)), .init(cpu: .init(burst: 60))] {
            #expect { try ResourceUpdate(given, over: current).check() } throws: { ($0 as? Fault)?.kind == .invalidArgument }
        }
        // One that says nothing of memory is not judged by it.
        #expect(throws: Never.self) { try ResourceUpdate(.init(pids: .init(limit: 1)), over: .init(memory: .init(limit: 9, swap: 3))).check() }
    }

    @Test("device rules of a running container: what stays allowed is never denied on the way")
    func devices() throws {
        let old = try DevicePolicy([.init(allow: true, type: "c", major: 10, minor: 200, access: "rw"), .init(allow: true, type: "b", major: 8, minor: 0, access: "r")])
        let new = try DevicePolicy([.init(allow: true, type: "c", major: 10, minor: 200, access: "r")])
        let lines = LegacyPlan.devices(new, from: old).map(PlanTests.line)
        #expect(lines.count == 2 && lines[0].hasPrefix("devices.allow=[c 10:200 r; ") && lines[1] == "devices.deny=[c 10:200 w; b 8:0 r]")
        let open = try DevicePolicy([.init(allow: true)])
        #expect(LegacyPlan.devices(open, from: old).map(PlanTests.line).first == "devices.allow=a")
    }
}
