import Faults
import OCISpec

/// A change of limits while the container runs, worked out without looking at the machine: what
/// holds afterwards, and what has to be written for it. Limits that the kernel or v2's files see
/// as one (memory and swap, quota and period) are written together, the part that was not given
/// as it was before; all others stay untouched.
package struct ResourceUpdate: Hashable, Sendable {
    package typealias Resources = RuntimeSpec.Linux.Resources

    /// What holds afterwards, to be kept for the next change.
    package let merged: Resources
    /// What has to be written. Device rules are a whole list, or absent.
    let written: Resources
    /// The device rules before.
    let devicesBefore: [Resources.DeviceRule]

    /// Puts `given` over the limits that hold now. As in runc's format, a limit of 0 and an empty
    /// list of processors say nothing.
    package init(_ given: Resources, over current: Resources) {
        let given = given.withoutZeroes
        var merged = current
        var written = Resources()
        if let memory = given.memory {
            let all = Self.merge(memory, over: current.memory ?? .init())
            merged.memory = all
            written.memory = Self.written(memory, of: all)
        }
        if let cpu = given.cpu {
            let all = Self.merge(cpu, over: current.cpu ?? .init())
            merged.cpu = all
            written.cpu = Self.written(cpu, of: all)
        }
        if let pids = given.pids { (merged.pids, written.pids) = (pids, pids) }
        if let blockIO = given.blockIO { (merged.blockIO, written.blockIO) = (Self.merge(blockIO, over: current.blockIO ?? .init()), blockIO) }
        written.hugepageLimits = given.hugepageLimits
        merged.hugepageLimits = Self.merge(given.hugepageLimits, over: current.hugepageLimits) { $0.pageSize == $1.pageSize }
        if let network = given.network {
            written.network = network
            merged.network = .init(
                classID: network.classID ?? current.network?.classID,
                priorities: Self.merge(network.priorities, over: current.network?.priorities) { $0.name == $1.name })
        }
        written.rdma = given.rdma
        if let rdma = given.rdma {
            merged.rdma = (current.rdma ?? [:]).merging(rdma) { old, new in
                .init(hcaHandles: new.hcaHandles ?? old.hcaHandles, hcaObjects: new.hcaObjects ?? old.hcaObjects)
            }
        }
        written.unified = given.unified
        if let unified = given.unified { merged.unified = (current.unified ?? [:]).merging(unified) { _, new in new } }
        written.devices = given.devices
        if let devices = given.devices { merged.devices = devices }
        self.merged = merged
        self.written = written
        devicesBefore = current.devices ?? []
    }

    /// Refuses what contradicts itself, looking at all that holds afterwards and not only at what was given.
    func check() throws(Fault) {
        if written.memory != nil { try within("memory limits") { () throws(Fault) in try merged.memory?.check() } }
        if written.cpu != nil { try within("processor limits") { () throws(Fault) in try merged.cpu?.check() } }
    }

    // MARK: - Controllers

    private static func merge(_ given: Resources.Memory, over current: Resources.Memory) -> Resources.Memory {
        // Without a limit of memory there can be none on memory and swap together.
        let swap = given.swap ?? (given.limit == -1 ? -1 : current.swap)
        return .init(
            limit: given.limit ?? current.limit, reservation: given.reservation ?? current.reservation, swap: swap,
            kernel: given.kernel ?? current.kernel, kernelTCP: given.kernelTCP ?? current.kernelTCP,
            swappiness: given.swappiness ?? current.swappiness, disableOOMKiller: given.disableOOMKiller ?? current.disableOOMKiller,
            useHierarchy: given.useHierarchy ?? current.useHierarchy, checkBeforeUpdate: given.checkBeforeUpdate ?? current.checkBeforeUpdate)
    }

    private static func written(_ given: Resources.Memory, of merged: Resources.Memory) -> Resources.Memory {
        var written = given
        if given.limit != nil || given.swap != nil { (written.limit, written.swap) = (merged.limit, merged.swap) }
        written.checkBeforeUpdate = given.limit == nil ? nil : merged.checkBeforeUpdate
        return written
    }

    private static func merge(_ given: Resources.CPU, over current: Resources.CPU) -> Resources.CPU {
        .init(
            shares: given.shares ?? current.shares, quota: given.quota ?? current.quota, burst: given.burst ?? current.burst,
            period: given.period ?? current.period, realtimeRuntime: given.realtimeRuntime ?? current.realtimeRuntime,
            realtimePeriod: given.realtimePeriod ?? current.realtimePeriod, cpus: given.cpus ?? current.cpus, mems: given.mems ?? current.mems,
            idle: given.idle ?? current.idle)
    }

    private static func written(_ given: Resources.CPU, of merged: Resources.CPU) -> Resources.CPU {
        var written = given
        if given.quota != nil || given.period != nil { (written.quota, written.period) = (merged.quota, merged.period) }
        if given.realtimeRuntime != nil || given.realtimePeriod != nil {
            (written.realtimeRuntime, written.realtimePeriod) = (merged.realtimeRuntime, merged.realtimePeriod)
        }
        // A cgroup that stops being idle has the kernel's normal weight; an idle one takes none.
        if given.shares != nil || given.idle != nil { (written.shares, written.idle) = (merged.shares, merged.idle) }
        return written
    }

    private static func merge(_ given: Resources.BlockIO, over current: Resources.BlockIO) -> Resources.BlockIO {
        let sameDevice = { (one: Resources.ThrottleDevice, other: Resources.ThrottleDevice) in one.major == other.major && one.minor == other.minor }
        return .init(
            weight: given.weight ?? current.weight, leafWeight: given.leafWeight ?? current.leafWeight,
            weightDevice: merge(given.weightDevice, over: current.weightDevice) { $0.major == $1.major && $0.minor == $1.minor },
            throttleReadBpsDevice: merge(given.throttleReadBpsDevice, over: current.throttleReadBpsDevice, same: sameDevice),
            throttleWriteBpsDevice: merge(given.throttleWriteBpsDevice, over: current.throttleWriteBpsDevice, same: sameDevice),
            throttleReadIOPSDevice: merge(given.throttleReadIOPSDevice, over: current.throttleReadIOPSDevice, same: sameDevice),
            throttleWriteIOPSDevice: merge(given.throttleWriteIOPSDevice, over: current.throttleWriteIOPSDevice, same: sameDevice))
    }

    private static func merge<Element>(_ given: [Element]?, over current: [Element]?, same: (Element, Element) -> Bool) -> [Element]? {
        guard let given else { return current }
        return (current ?? []).filter { old in !given.contains { same($0, old) } } + given
    }
}

extension RuntimeSpec.Linux.Resources {
    /// Engines send a whole document in which 0 stands for what they leave as it is.
    fileprivate var withoutZeroes: Self {
        var result = self
        func drop<Value: BinaryInteger>(_ value: inout Value?) { if value == 0 { value = nil } }
        if var memory {
            drop(&memory.limit)
            drop(&memory.reservation)
            drop(&memory.swap)
            drop(&memory.kernel)
            drop(&memory.kernelTCP)
            result.memory = memory
        }
        if var cpu {
            drop(&cpu.shares)
            drop(&cpu.quota)
            drop(&cpu.period)
            drop(&cpu.realtimeRuntime)
            drop(&cpu.realtimePeriod)
            if cpu.cpus == "" { cpu.cpus = nil }
            if cpu.mems == "" { cpu.mems = nil }
            result.cpu = cpu
        }
        if pids?.limit == 0 { result.pids = nil }
        if var blockIO {
            drop(&blockIO.weight)
            drop(&blockIO.leafWeight)
            result.blockIO = blockIO
        }
        return result
    }
}
