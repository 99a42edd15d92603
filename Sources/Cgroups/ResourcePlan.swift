import Faults
import OCISpec

/// Turns the limits of a configuration into steps, without looking at the machine: which
/// generation serves which controller is all it is told.
struct ResourcePlan: Sendable {
    typealias Resources = RuntimeSpec.Linux.Resources

    /// The generation whose hierarchy has a controller (`io` counts as `blkio`); nil where none has.
    let version: @Sendable (String) -> CgroupVersion?
    /// Whether there is a v2 hierarchy, for `unified`.
    let hasUnified: Bool

    /// The steps for everything but devices, in the order in which they must be done.
    func steps(for resources: Resources) throws(Fault) -> [CgroupStep] {
        var steps: [CgroupStep] = []
        if let memory = resources.memory { steps += try self.memory(memory) }
        if let cpu = resources.cpu { steps += try self.cpu(cpu) + cpuset(cpu) }
        if let pids = resources.pids {
            steps += try within("process number limit") { () throws(Fault) in try part("pids", LegacyPlan.pids(pids), UnifiedPlan.pids(pids)) }
        }
        if let blockIO = resources.blockIO { steps += try self.blockIO(blockIO) }
        for limit in resources.hugepageLimits ?? [] {
            steps += try within("huge page limit") { () throws(Fault) in
                try checkPageSize(limit.pageSize)
                return try part("hugetlb", LegacyPlan.hugetlb(limit), UnifiedPlan.hugetlb(limit))
            }
        }
        if let network = resources.network { steps += try self.network(network) }
        for (device, limit) in (resources.rdma ?? [:]).sorted(by: { $0.key < $1.key }) { steps += try rdma(device, limit) }
        if let unified = resources.unified, !unified.isEmpty { steps += try self.unified(unified) }
        return steps
    }

    // MARK: - Controllers

    private func memory(_ memory: Resources.Memory) throws(Fault) -> [CgroupStep] {
        try within("memory limits") { () throws(Fault) in
            try memory.check()
            return switch version("memory") {
            case .v1: LegacyPlan.memory(memory)
            case .v2: try UnifiedPlan.memory(memory)
            case nil: try refuse("memory", asked: !LegacyPlan.memory(memory).isEmpty)
            }
        }
    }

    private func cpu(_ cpu: Resources.CPU) throws(Fault) -> [CgroupStep] {
        try within("processor limits") { () throws(Fault) in
            try cpu.check()
            return switch version("cpu") {
            case .v1: LegacyPlan.cpu(cpu)
            case .v2: try UnifiedPlan.cpu(cpu)
            case nil: try refuse("cpu", asked: !LegacyPlan.cpu(cpu).isEmpty)
            }
        }
    }

    private func cpuset(_ cpu: Resources.CPU) throws(Fault) -> [CgroupStep] {
        // The files have the same names in both generations.
        var steps: [CgroupStep] = []
        if let cpus = cpu.cpus, !cpus.isEmpty { steps.append(.write(CgroupWrite("cpuset", "cpuset.cpus", cpus))) }
        if let mems = cpu.mems, !mems.isEmpty { steps.append(.write(CgroupWrite("cpuset", "cpuset.mems", mems))) }
        return try within("processor set") { () throws(Fault) in try part("cpuset", steps, steps) }
    }

    private func blockIO(_ blockIO: Resources.BlockIO) throws(Fault) -> [CgroupStep] {
        try within("block device limits") { () throws(Fault) in
            try blockIO.check()
            return switch version("blkio") {
            case .v1: LegacyPlan.blockIO(blockIO)
            case .v2: try UnifiedPlan.blockIO(blockIO)
            case nil: try refuse("blkio", asked: !LegacyPlan.blockIO(blockIO).isEmpty)
            }
        }
    }

    private func network(_ network: Resources.Network) throws(Fault) -> [CgroupStep] {
        var steps: [CgroupStep] = []
        if let classID = network.classID, classID != 0 {
            guard version("net_cls") == .v1 else { throw Fault.missing("net_cls").within("network class") }
            steps.append(.write(CgroupWrite("net_cls", "net_cls.classid", classID)))
        }
        guard let priorities = network.priorities, !priorities.isEmpty else { return steps }
        guard version("net_prio") == .v1 else { throw Fault.missing("net_prio").within("network priorities") }
        steps.append(.lines(controller: "net_prio", file: "net_prio.ifpriomap", values: priorities.map { "\($0.name) \($0.priority)" }))
        return steps
    }

    private func rdma(_ device: String, _ limit: Resources.Rdma) throws(Fault) -> [CgroupStep] {
        try within("limits of RDMA device \(device)") { () throws(Fault) in
            let values = [limit.hcaHandles.map { "hca_handle=\($0)" }, limit.hcaObjects.map { "hca_object=\($0)" }].compactMap { $0 }
            guard !values.isEmpty else { throw Fault(.invalidArgument, "hcaHandles or hcaObjects is needed") }
            let step = CgroupStep.write(CgroupWrite("rdma", "rdma.max", "\(device) \(values.joined(separator: " "))"))
            return try part("rdma", [step], [step])
        }
    }

    /// Files of v2 as they are, in the order of their names: a dictionary has none.
    private func unified(_ files: [String: String]) throws(Fault) -> [CgroupStep] {
        var steps: [CgroupStep] = []
        for (file, value) in files.sorted(by: { $0.key < $1.key }) {
            let invalid = { (kind: FaultKind, reason: String) in Fault(kind, reason, trail: ["unified limit \"\(file)\""]) }
            guard hasUnified else { throw invalid(.unsupported, "this machine has no cgroup v2") }
            guard let dot = file.firstIndex(of: "."), !file.contains("/"), !file.hasPrefix("cgroup.") || file == "cgroup.max.depth" || file == "cgroup.max.descendants" else {
                throw invalid(.invalidArgument, "not a file of a controller")
            }
            let controller = String(file[..<dot])
            guard controller == "cgroup" || version(controller) == .v2 else {
                throw invalid(.unsupported, "cgroup v2 has no \(controller) controller here")
            }
            // One file may take several lines, as io.max does.
            steps.append(.lines(controller: Self.unifiedDirectory, file: file, values: value.split(separator: "\n").map(String.init)))
        }
        return steps
    }

    /// The name under which a performer finds the v2 directory, whatever controllers it has.
    static let unifiedDirectory = "unified"

    // MARK: - Choice of a generation

    private func part(_ controller: String, _ legacy: [CgroupStep], _ unified: [CgroupStep]) throws(Fault) -> [CgroupStep] {
        switch version(controller) {
        case .v1: legacy
        case .v2: unified
        case nil: try refuse(controller, asked: !legacy.isEmpty)
        }
    }

    /// A controller that is missing matters only when something is asked of it.
    private func refuse(_ controller: String, asked: Bool) throws(Fault) -> [CgroupStep] {
        if asked { throw .missing(controller) }
        return []
    }

    private func checkPageSize(_ size: String) throws(Fault) {
        // The specification's schema: ^[1-9][0-9]*[KMG]B$.
        let digits = size.utf8.prefix { (0x30...0x39).contains($0) }
        let unit = size.utf8.dropFirst(digits.count)
        let isSize = !digits.isEmpty && digits.first != 0x30 && unit.count == 2 && "KMG".utf8.contains(unit.first ?? 0) && unit.last == UInt8(ascii: "B")
        guard isSize else { throw Fault(.invalidArgument, "invalid page size \"\(size)\": want one as 64KB, 2MB or 1GB") }
    }
}

// MARK: - What no kernel is needed to refuse

extension RuntimeSpec.Linux.Resources.Memory {
    func check() throws(Fault) {
        for (name, value) in [("limit", limit), ("reservation", reservation), ("swap", swap)] {
            if let value, value < -1 { throw Fault(.invalidArgument, "\(name) \(value) is below -1") }
        }
        if let limit, let swap, limit > 0, swap > 0, swap < limit {
            throw Fault(.invalidArgument, "memory and swap together (\(swap)) are less than memory (\(limit))")
        }
        if let swappiness, swappiness > 200 { throw Fault(.invalidArgument, "swappiness \(swappiness) is above 200") }
    }
}

extension RuntimeSpec.Linux.Resources.CPU {
    func check() throws(Fault) {
        if let burst, let quota, quota > 0, burst > UInt64(quota) {
            throw Fault(.invalidArgument, "burst \(burst) is more than quota \(quota)")
        }
        if let idle, idle != 0 && idle != 1 { throw Fault(.invalidArgument, "idle \(idle) is neither 0 nor 1") }
    }
}

extension RuntimeSpec.Linux.Resources.BlockIO {
    func check() throws(Fault) {
        let weights = [("weight", weight), ("leafWeight", leafWeight)] + (weightDevice ?? []).flatMap { [("weight", $0.weight), ("leafWeight", $0.leafWeight)] }
        for case (let name, let value?) in weights where value != 0 && !(10...1_000).contains(value) {
            throw Fault(.invalidArgument, "\(name) \(value) is not 10 to 1000")
        }
        for device in weightDevice ?? [] {
            guard device.weight != nil || device.leafWeight != nil else {
                throw Fault(.invalidArgument, "device \(device.major):\(device.minor) has no weight")
            }
        }
    }
}
